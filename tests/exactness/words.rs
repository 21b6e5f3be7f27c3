//! Announces as they go out.

use super::client::{Client, Event};
use super::site::{info_hash, passkey};

/// Tells whose answer it is, and to which of its packets.
pub fn transaction(place: usize, number: u16) -> u32 {
    (place as u32) << 12 | u32::from(number)
}

/// The announce as a UDP packet, with the passkey in a URL (BEP 41).
pub fn packet(client: &Client, family: usize, id: u64, transaction: u32) -> Vec<u8> {
    let asked = client.asked().expect("something to say");
    let part = asked.over[family].expect("over this family");
    let event: u32 = match asked.event {
        Event::Regular => 0,
        Event::Completed => 1,
        Event::Started => 2,
        Event::Stopped => 3,
        Event::Paused => 4,
    };
    let url = format!("/{}/announce", passkey(client.user));
    let mut packet = id.to_be_bytes().to_vec();
    packet.extend(1u32.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet.extend(info_hash(client.torrent));
    packet.extend(client.peer_id());
    packet.extend(part.totals[1].to_be_bytes());
    packet.extend(asked.left.to_be_bytes());
    packet.extend(part.totals[0].to_be_bytes());
    packet.extend(event.to_be_bytes());
    packet.extend([0; 4]); // its own address
    packet.extend(client.number.to_be_bytes()); // key
    packet.extend(5u32.to_be_bytes()); // peers wanted
    packet.extend(client.port().to_be_bytes());
    packet.extend([2, url.len() as u8]);
    packet.extend(url.as_bytes());
    packet
}

/// The announce as the target of an HTTP request.
pub fn target(client: &Client, family: usize) -> String {
    let asked = client.asked().expect("something to say");
    let [uploaded, downloaded] = asked.over[family].expect("over this family").totals;
    let event = match asked.event {
        Event::Regular => "",
        Event::Completed => "&event=completed",
        Event::Started => "&event=started",
        Event::Stopped => "&event=stopped",
        Event::Paused => "&event=paused",
    };
    let text = |bytes: [u8; 20]| String::from_utf8(bytes.to_vec()).expect("letters");
    format!(
        "/{}/announce?info_hash={}&peer_id={}&port={}&uploaded={uploaded}&downloaded={downloaded}\
         &left={}&numwant=5&compact=1{event}",
        passkey(client.user),
        text(info_hash(client.torrent)),
        text(client.peer_id()),
        client.port(),
        asked.left,
    )
}
