-- An event that is stated again under another eventID is found by that one too.
CREATE INDEX restatements_by_event_id ON restatements (event_id, pos);
