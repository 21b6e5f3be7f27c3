//! A request in a dialect whose secret is right: what it asks for, once its body is there.

use super::paths::{Found, Page, Resource};
use super::{Order, ocelot, unit3d};
use crate::tracker::api::answer::Answer;
use crate::tracker::api::routes::{BodyKind, allow};
use crate::wire::api::{Head, Method};

/// What is called by a path.
#[derive(Clone, Copy, Debug)]
pub(in crate::tracker::api) enum Called<'b> {
    Ocelot(Page),
    Unit3d(Resource, Option<&'b [u8]>),
}

/// A change in UNIT3D's dialect, of which the body is to come.
#[derive(Clone, Copy, Debug)]
pub(in crate::tracker::api) struct Change {
    resource: Resource,
    removes: bool,
}

/// What follows from a head.
pub(in crate::tracker::api) enum Read {
    Whole(Box<Order>),
    /// A body of JSON is needed.
    NeedsBody(Change),
}

impl<'b> Called<'b> {
    /// What a path names; the secret is left behind.
    pub(super) fn of(found: Found<'b>) -> Called<'b> {
        match found {
            Found::Ocelot(_, page) => Called::Ocelot(page),
            Found::Unit3d { resource, id, .. } => Called::Unit3d(resource, id),
        }
    }

    /// What a head asks for.
    pub(in crate::tracker::api) fn read(self, head: &Head<'_>) -> Result<Read, Answer> {
        let is_get = matches!(head.method, Method::Get | Method::Head);
        match self {
            Called::Ocelot(_) if !is_get => Err(not_allowed(&[Method::Get])),
            Called::Ocelot(Page::Update) => {
                Ok(Read::whole(Order::Update(ocelot::update(head.query))))
            }
            Called::Ocelot(Page::Report) => {
                Ok(Read::whole(Order::Report(ocelot::report(head.query))))
            }
            Called::Unit3d(resource, id) => read_unit3d(resource, id, head.method),
        }
    }
}

fn read_unit3d(resource: Resource, id: Option<&[u8]>, method: Method) -> Result<Read, Answer> {
    let is_get = matches!(method, Method::Get | Method::Head);
    let shows = match resource {
        Resource::Torrents | Resource::Users => id.is_some(),
        Resource::Stats => true,
        _ => false,
    };
    match (shows, id, method) {
        (true, id, _) if is_get => unit3d::shown(resource, id)
            .map(|shown| Read::whole(Order::Show(shown)))
            .ok_or_else(Answer::not_found),
        (true, ..) => Err(not_allowed(&[Method::Get])),
        (false, Some(_), _) => Err(Answer::not_found()),
        (false, None, Method::Put | Method::Delete) => Ok(Read::NeedsBody(Change {
            resource,
            removes: method == Method::Delete,
        })),
        (false, None, _) => Err(not_allowed(&[Method::Put, Method::Delete])),
    }
}

fn not_allowed(methods: &[Method]) -> Answer {
    Answer::not_allowed(&allow(methods.iter().copied()))
}

impl Read {
    fn whole(order: Order) -> Read {
        Read::Whole(Box::new(order))
    }

    /// What kind of body belongs to it.
    pub(in crate::tracker::api) fn body(&self) -> BodyKind {
        match self {
            Read::Whole(_) => BodyKind::Nothing,
            Read::NeedsBody(_) => BodyKind::Json,
        }
    }
}

impl Change {
    /// What it asks for, with its body.
    pub(in crate::tracker::api) fn with_body(self, body: &[u8]) -> Result<Order, Answer> {
        let push = unit3d::push(self.resource, self.removes, body);
        push.map(Order::Push)
            .map_err(|fault| Answer::fault(400, &fault))
    }
}
