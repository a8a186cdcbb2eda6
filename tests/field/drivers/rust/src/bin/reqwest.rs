// reqwest, with its cookie store
fn main() -> Result<(), reqwest::Error> {
    println!("reqwest 0.11.13");
    let url = std::env::args().nth(1).unwrap();
    let client = reqwest::blocking::Client::builder().cookie_store(true).build()?;
    let login = client.post(format!("{url}/login")).header("Content-Type", "application/json");
    println!("{}", login.body(std::env::var("BODY").unwrap()).send()?.status().as_u16());
    println!("{}", client.get(format!("{url}/me")).send()?.status().as_u16());
    println!("{}", client.post(format!("{url}/logout")).send()?.status().as_u16());
    println!("{}", client.get(format!("{url}/me")).send()?.status().as_u16());
    Ok(())
}
