// jsonwebtoken. See libraries.py for what is read and printed.
use jsonwebtoken::{decode, encode, Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{json, Value};
use std::env::var;

fn main() {
    println!("jsonwebtoken 8.2.0");
    let secret = var("SECRET").unwrap() + "=";
    let standard = secret.replace('-', "+").replace('_', "/");
    let key = EncodingKey::from_base64_secret(&standard).unwrap();
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&["authref"]);
    rules.set_issuer(&["authref"]);
    match decode::<Value>(&var("TOKEN").unwrap(), &DecodingKey::from_base64_secret(&standard).unwrap(), &rules) {
        Ok(_) => println!("accepted"),
        Err(error) => println!("refused: {error}"),
    }
    println!("{}", encode(&Header::default(), &json!({"sub": var("SUB").unwrap()}), &key).unwrap());
    let claims: Value = serde_json::from_str(&var("CLAIMS").unwrap()).unwrap();
    let header = Header { typ: Some("at+jwt".into()), kid: var("KID").ok(), ..Header::default() };
    println!("{}", encode(&header, &claims, &key).unwrap());
}
