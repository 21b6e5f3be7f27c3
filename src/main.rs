fn main(){ println!("{}", chihaya::config::Config::default().to_json()) }
