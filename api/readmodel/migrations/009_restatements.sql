-- A declaration of error may be recorded in the same words twice: by another organisation, and then by
-- the one that recorded the event. Each is a fact of its own.
CREATE TABLE restated (
    pos            BIGINT PRIMARY KEY,
    hash           BLOB NOT NULL,
    body_digest    BLOB NOT NULL,
    event_id       TEXT NOT NULL,
    declares_error SMALLINT NOT NULL,
    msp_id         TEXT NOT NULL,
    recorded_at    BIGINT NOT NULL,
    tx_id          TEXT NOT NULL
);
INSERT INTO restated (pos, hash, body_digest, event_id, declares_error, msp_id, recorded_at, tx_id)
    SELECT pos, hash, body_digest, event_id, declares_error, msp_id, recorded_at, tx_id FROM restatements;
DROP TABLE restatements;
ALTER TABLE restated RENAME TO restatements;
CREATE INDEX restatements_by_event_id ON restatements (event_id, pos);
CREATE INDEX restatements_by_text ON restatements (hash, body_digest, pos);
