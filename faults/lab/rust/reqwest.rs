// reqwest: 3 s in total.
use std::{env, error::Error, io::Write, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let settings = reqwest::blocking::Client::builder().timeout(Duration::from_secs(3));
    let client = settings.build()?;
    for (at, url) in env::args().skip(1).enumerate() {
        let content = client.get(url).send()?.bytes()?;
        if at != 1 {
            std::io::stdout().write_all(&content)?;
        }
    }
    Ok(())
}
