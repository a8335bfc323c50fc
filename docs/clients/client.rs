use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

// Rust reads no JSON by itself: this finds the text or the number behind a key.
fn text(line: &str, key: &str) -> String {
    let rest = line.split_once(&format!("\"{key}\":")).map_or("", |(_, rest)| rest);
    let quoted = rest.strip_prefix('"').map(|r| r.replace("\\\"", "\u{1}"));
    quoted.map_or_else(|| rest.split([',', '}']).next().unwrap_or("").to_string(),
        |r| r.split('"').next().unwrap_or("").replace('\u{1}', "\""))
}

struct Peer { lines: std::io::Lines<BufReader<UnixStream>>, out: UnixStream, last: u32 }

impl Peer {
    fn call(&mut self, method: &str, params: &str, more: &str) -> String { // the line of the result or the first item
        self.last += 1;
        writeln!(self.out, r#"{{"id":{},"method":"{method}","params":{params}{more}}}"#, self.last).expect("send");
        let (item, answer) = (format!(r#"{{"method":"rpc.item","params":{{"id":{},"#, self.last), format!(r#"{{"id":{},"#, self.last));
        let line = self.lines.by_ref().map(|l| l.expect("read")).find(|l| l.starts_with(&item) || l.starts_with(&answer)).expect("an answer");
        if line.starts_with(&answer) && line.contains(",\"error\":{") {
            eprintln!("{}: {}", text(&line[line.find("\"data\":").unwrap()..], "name"), text(&line, "message"));
            std::process::exit(1);
        }
        line
    }
}

fn main() {
    let (name, folder) = (std::env::args().nth(1).expect("a name"), std::env::var("SABIR_DIR").expect("SABIR_DIR"));
    let out = UnixStream::connect(folder + "/lounge.sock").expect("nobody is there");
    let mut peer = Peer { lines: BufReader::new(out.try_clone().expect("clone")).lines(), out, last: 0 };
    println!("{}", text(&peer.call("lounge.join", &format!(r#"{{"room":"dev","name":"{name}"}}"#), ""), "members"));
    let message = peer.call("lounge.message", r#"{"room":"dev"}"#, r#","window":0,"since":{"epoch":"","seq":0}"#);
    println!("{}: {}", text(&message, "name"), text(&message, "text"));
    peer.call("lounge.say", &format!(r#"{{"room":"attic","name":"{name}","text":"hello"}}"#), "");
}
