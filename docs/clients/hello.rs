use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

// Rust reads no JSON by itself: this finds the text behind a key.
fn text<'a>(line: &'a str, key: &str) -> &'a str {
    let rest = line.split_once(&format!("\"{key}\":\"")).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or("")
}

fn main() {
    let folder = std::env::var("SABIR_DIR").expect("SABIR_DIR");
    let peer = UnixStream::connect(folder + "/hello.sock").expect("nobody is there");
    let mut lines = BufReader::new(&peer).lines().map(|line| line.expect("read"));
    let mut greet = |id: u32, name: &str| {
        writeln!(&peer, r#"{{"id":{id},"method":"hello.greet","params":{{"name":"{name}"}}}}"#).expect("send");
        let answer = lines.find(|line| line.starts_with(&format!(r#"{{"id":{id},"#))).expect("an answer");
        if answer.contains(",\"error\":{") {
            return format!("{}: {}", text(&answer, "name"), text(&answer, "message"));
        }
        text(&answer, "text").to_string()
    };
    println!("{}", greet(1, "ann"));
    println!("{}", greet(2, "bob"));
}
