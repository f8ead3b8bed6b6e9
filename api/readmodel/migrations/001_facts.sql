-- Places in the ledger are one number: block * 2^24 + index in the block.
-- Times are milliseconds since 1970-01-01T00:00:00Z. Booleans are 0 and 1.

CREATE TABLE position (
    one     SMALLINT PRIMARY KEY CHECK (one = 1),
    block   BIGINT NOT NULL,
    hash    BLOB NOT NULL,
    genesis BLOB NOT NULL
);

CREATE TABLE totals (
    name   TEXT PRIMARY KEY,
    value  BIGINT NOT NULL
);

CREATE TABLE contexts (
    digest  BLOB PRIMARY KEY,
    context BLOB NOT NULL
);

CREATE TABLE events (
    pos               BIGINT PRIMARY KEY,
    hash              BLOB NOT NULL UNIQUE,
    event_type        TEXT NOT NULL,
    event_time        BIGINT NOT NULL,
    biz_step          TEXT NOT NULL,
    disposition       TEXT NOT NULL,
    action            TEXT NOT NULL,
    event_id          TEXT NOT NULL,
    read_point        TEXT NOT NULL,
    biz_location      TEXT NOT NULL,
    declared_in_error SMALLINT NOT NULL,
    msp_id            TEXT NOT NULL,
    recorded_at       BIGINT NOT NULL,
    tx_id             TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (event_time, pos);
CREATE INDEX events_by_step ON events (biz_step, pos);

CREATE TABLE bodies (
    pos      BIGINT PRIMARY KEY,
    context  BLOB,
    body     BLOB NOT NULL
);

CREATE TABLE event_epcs (
    epc    TEXT NOT NULL,
    pos    BIGINT NOT NULL,
    roles  SMALLINT NOT NULL,
    PRIMARY KEY (epc, pos)
) /*clustered*/;

CREATE TABLE restatements (
    pos            BIGINT PRIMARY KEY,
    hash           BLOB NOT NULL,
    body_digest    BLOB NOT NULL,
    event_id       TEXT NOT NULL,
    declares_error SMALLINT NOT NULL,
    msp_id         TEXT NOT NULL,
    recorded_at    BIGINT NOT NULL,
    tx_id          TEXT NOT NULL,
    UNIQUE (hash, body_digest)
);

CREATE TABLE items (
    epc             TEXT PRIMARY KEY,
    status          SMALLINT NOT NULL,
    custodian       TEXT NOT NULL,
    container       TEXT NOT NULL,
    place           TEXT NOT NULL,
    disposition     TEXT NOT NULL,
    biz_step        TEXT NOT NULL,
    last_event      BLOB NOT NULL,
    last_at         BIGINT NOT NULL,
    commissioned_at BIGINT NOT NULL,
    commissioned_by BLOB NOT NULL,
    ended_at        BIGINT NOT NULL,
    ended_by        BLOB NOT NULL
) /*clustered*/;
CREATE INDEX items_by_container ON items (container, epc);

CREATE TABLE findings (
    pos     BIGINT PRIMARY KEY,
    code    TEXT NOT NULL,
    item    TEXT NOT NULL,
    event   BLOB NOT NULL,
    other   BLOB,
    detail  TEXT NOT NULL,
    tx_id   TEXT NOT NULL
);
CREATE INDEX findings_by_event ON findings (event, pos);
CREATE INDEX findings_by_item ON findings (item, pos);
CREATE INDEX findings_by_code ON findings (code, pos);

CREATE TABLE devices (
    id            TEXT PRIMARY KEY,
    algorithm     TEXT NOT NULL,
    public_key    BLOB NOT NULL,
    owner         TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    tx_id         TEXT NOT NULL,
    next_seq      BIGINT NOT NULL,
    last_digest   BLOB,
    last_reading  BIGINT
);

CREATE TABLE segments (
    pos         BIGINT PRIMARY KEY,
    device      TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    digest      BLOB NOT NULL,
    from_time   BIGINT NOT NULL,
    to_time     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    payload     BLOB NOT NULL,
    signature   BLOB NOT NULL,
    msp_id      TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    tx_id       TEXT NOT NULL,
    UNIQUE (device, seq)
);

CREATE TABLE associations (
    device     TEXT NOT NULL,
    container  TEXT NOT NULL,
    event_time BIGINT NOT NULL,
    event      BLOB NOT NULL,
    binds      SMALLINT NOT NULL,
    PRIMARY KEY (device, event_time, event, container)
) /*clustered*/;
CREATE INDEX associations_by_container ON associations (container, event_time, event);

CREATE TABLE policies (
    id      TEXT NOT NULL,
    version BIGINT NOT NULL,
    policy  TEXT NOT NULL,
    tx_id   TEXT NOT NULL,
    PRIMARY KEY (id, version)
);

CREATE TABLE verdicts (
    pos        BIGINT PRIMARY KEY,
    shipment   TEXT NOT NULL,
    window_no  BIGINT NOT NULL,
    model      TEXT NOT NULL,
    final      SMALLINT NOT NULL,
    level      SMALLINT NOT NULL,
    score      BIGINT NOT NULL,
    verdict    TEXT NOT NULL,
    UNIQUE (shipment, window_no, model)
);
CREATE INDEX verdicts_by_shipment ON verdicts (shipment, pos);
CREATE INDEX verdicts_by_level ON verdicts (level, pos);

CREATE TABLE shipments (
    id         TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    verdicts   BIGINT NOT NULL,
    latest     BIGINT,
    level      SMALLINT NOT NULL,
    worst      SMALLINT NOT NULL
) /*clustered*/;
