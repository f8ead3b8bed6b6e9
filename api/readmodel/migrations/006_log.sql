-- The proof log and the organisations' roots of it. The store is emptied and filled again from the
-- ledger.

DELETE FROM contexts;
DELETE FROM events;
DELETE FROM index_waiting;
DELETE FROM index_parts;
DELETE FROM index_terms;
DELETE FROM index_numbers;
DELETE FROM vocabulary;
DELETE FROM bodies;
DELETE FROM event_epcs;
DELETE FROM restatements;
DELETE FROM items;
DELETE FROM findings;
DELETE FROM finding_changes;
DELETE FROM master_data;
DELETE FROM devices;
DELETE FROM segments;
DELETE FROM associations;
DELETE FROM links;
DELETE FROM link_keys;
DELETE FROM lots;
DELETE FROM policies;
DELETE FROM verdicts;
DELETE FROM shipments;
DELETE FROM totals;
DELETE FROM position;

CREATE TABLE log_tiles (
    level  SMALLINT NOT NULL,
    tile   BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, tile)
);

-- A row for each block that added leaves: its facts from leaf first on, then its findings.
CREATE TABLE log_blocks (
    block    BIGINT PRIMARY KEY,
    hash     BLOB NOT NULL,
    first    BIGINT NOT NULL,
    facts    BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    root     BLOB NOT NULL
);

CREATE TABLE log_findings (
    leaf    BIGINT PRIMARY KEY,
    fact    BLOB NOT NULL,
    entry   BLOB NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX log_findings_by_fact ON log_findings (fact, leaf);

CREATE TABLE anchors (
    height      BIGINT NOT NULL,
    msp_id      TEXT NOT NULL,
    channel     TEXT NOT NULL,
    genesis     BLOB NOT NULL,
    block_hash  BLOB NOT NULL,
    size        BIGINT NOT NULL,
    root        BLOB NOT NULL,
    signed_at   BIGINT NOT NULL,
    signature   BLOB NOT NULL,
    certificate BLOB NOT NULL,
    tx_id       TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    block       BIGINT NOT NULL,
    agrees      SMALLINT NOT NULL,
    PRIMARY KEY (height, msp_id)
);
CREATE INDEX anchors_by_agreement ON anchors (agrees, msp_id, height);
CREATE INDEX anchors_by_organisation ON anchors (msp_id, height);
