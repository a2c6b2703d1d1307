//! Replays lab/vectors.json of Firstline: right and wrong HTTP/1.1 responses by path, for testing
//! clients. Copy this file and the vectors into a test, and run
//! `cargo add --dev base64 serde_json socket2`.
//!
//! ```ignore
//! let lab = firstline_lab::Lab::start("vectors.json")?;
//! get(&format!("{}/truncated", lab.url))
//! ```

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{collections::HashMap, sync::Arc, thread};

const MAX_TIME: Duration = Duration::from_secs(60);
const MAX_BYTES: usize = 64 << 20;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// A lab that runs, as long as the process.
pub struct Lab {
    /// Its origin.
    pub url: String,
    /// All entries: what each does, and what a sound client makes of it.
    pub entries: Vec<Value>,
}

impl Lab {
    /// Serves the vectors of this file on a free port of 127.0.0.1.
    pub fn start(file: &str) -> io::Result<Lab> {
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let entries = list(&vectors["entries"]);
        let every = [list(&vectors["others"]), entries.clone()].concat();
        let by_path = every.into_iter().map(|one| (one["path"].clone(), one));
        let by_path: Arc<HashMap<_, _>> = Arc::new(by_path.collect());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let by_path = by_path.clone();
                thread::spawn(move || serve(&by_path, &client, port));
            }
        });
        let url = format!("http://127.0.0.1:{port}");
        Ok(Lab { url, entries })
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn serve(by_path: &HashMap<Value, Value>, client: &TcpStream, port: u16) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut input = BufReader::new(client);
    loop {
        client.set_read_timeout(Some(MAX_TIME))?;
        let request = line(&mut input)?;
        let words: Vec<&str> = request.split(' ').collect();
        let path = words.get(1).and_then(|target| target.split('?').next());
        let Some(entry) = by_path.get(&Value::from(path)) else {
            return Ok(());
        };
        let may_stay = take_head(&mut input)? && words.get(2) == Some(&"HTTP/1.1");
        play(&list(&entry["pieces"]), client, &mut input, port)?;
        match text(&entry["ending"]) {
            "open" if may_stay => continue,
            "close" => return Ok(()),
            "reset" => return socket2::SockRef::from(client).set_linger(Some(Duration::ZERO)),
            _ => client.shutdown(Shutdown::Write)?,
        }
        client.set_read_timeout(Some(LINGER_TIME))?;
        return io::copy(&mut input, &mut io::sink()).map(|_| ());
    }
}

/// Takes the header section, and tells whether another request may follow this one.
fn take_head(input: &mut BufReader<&TcpStream>) -> io::Result<bool> {
    let mut is_plain = true;
    while !input.buffer().is_empty() {
        let field = line(input)?.to_lowercase().replace(' ', "");
        if field.is_empty() {
            return Ok(is_plain);
        }
        is_plain &= !field.starts_with("transfer-encoding:")
            && (!field.starts_with("content-length:") || field == "content-length:0")
            && (!field.starts_with("connection:") || !field.contains("close"));
    }
    Ok(false)
}

fn line(input: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_string())
}

/// Sends the pieces. Pauses add up, so that a slow machine sends the same bytes.
fn play(
    pieces: &[Value],
    mut client: &TcpStream,
    input: &mut BufReader<&TcpStream>,
    port: u16,
) -> io::Result<()> {
    let (mut due, mut left) = (Instant::now(), MAX_BYTES);
    let end = due + MAX_TIME;
    for piece in pieces {
        let number = |name: &str| piece[name].as_f64();
        let (unit, times, pause) = match piece {
            Value::String(unit) => (unit.as_str(), Some(1.0), 0.0),
            Value::Number(pause) => ("", Some(1.0), pause.as_f64().unwrap_or(0.0)),
            _ => (
                text(&piece["repeat"]),
                number("times"),
                number("pause").unwrap_or(0.0),
            ),
        };
        if piece.is_null() {
            io::copy(input, &mut io::sink())?; // a stall ends when the client sends no more
        } else if piece["until"].is_string() {
            line(input)?;
        } else if piece["port"].is_boolean() {
            write!(client, "{port}")?;
        } else if let Some(late) = number("late") {
            client.set_read_timeout(Some(Duration::from_secs_f64(late / 1000.0)))?;
            if input.fill_buf().is_ok_and(|text| !text.is_empty()) {
                return Ok(()); // behind another request it would pass for the response
            }
        } else {
            let unit = BASE64_STANDARD.decode(unit).unwrap_or_default();
            let mut count = 0.0;
            while times.map_or(true, |times| count < times) {
                let size = unit.len().min(left);
                client.write_all(&unit[..size])?;
                (left, count) = (left - size, count + 1.0);
                due += Duration::from_secs_f64(pause / 1000.0);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if left == 0 || Instant::now() > end {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
