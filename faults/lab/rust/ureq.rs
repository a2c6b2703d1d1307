// ureq: 3 s in total.
use std::{env, error::Error, io::Write, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(3)))
        .http_status_as_error(false);
    let agent = config.build().new_agent();
    for (at, url) in env::args().skip(1).enumerate() {
        let content = agent.get(url).call()?.into_body().read_to_vec()?;
        if at != 1 {
            std::io::stdout().write_all(&content)?;
        }
    }
    Ok(())
}
