// ureq's Agent, which keeps cookies if built with that feature
fn show(answer: Result<ureq::Response, ureq::Error>) {
    match answer {
        Ok(response) | Err(ureq::Error::Status(_, response)) => println!("{}", response.status()),
        Err(error) => panic!("{error}"),
    }
}

fn main() {
    println!("ureq 2.6.2");
    let url = std::env::args().nth(1).unwrap();
    let agent = ureq::agent();
    let login = agent.post(&format!("{url}/login")).set("Content-Type", "application/json");
    show(login.send_string(&std::env::var("BODY").unwrap()));
    show(agent.get(&format!("{url}/me")).call());
    show(agent.post(&format!("{url}/logout")).call());
    show(agent.get(&format!("{url}/me")).call());
}
