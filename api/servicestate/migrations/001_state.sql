-- What a server keeps that the ledger does not tell. Every row is an organisation's: the servers of
-- several may share a database. Times are milliseconds since 1970.

CREATE TABLE service_settings (
    org   TEXT NOT NULL,
    name  TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (org, name)
);

-- A lease says who does a work that one process at a time may do.
CREATE TABLE service_leases (
    org   TEXT NOT NULL,
    name  TEXT NOT NULL,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (org, name)
);

-- The ids of jobs are in the order of their making.
CREATE TABLE service_jobs (
    org       TEXT NOT NULL,
    id        TEXT NOT NULL,
    created   BIGINT NOT NULL,
    finished  BIGINT NOT NULL,
    running   SMALLINT NOT NULL,
    success   SMALLINT NOT NULL,
    sending   SMALLINT NOT NULL,
    behaviour TEXT NOT NULL,
    bytes     BIGINT NOT NULL,
    errors    BLOB NOT NULL,
    owner     TEXT NOT NULL,
    lease     BIGINT NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE INDEX service_jobs_running ON service_jobs (org, running, id);

-- The document of a job that runs, in pieces.
CREATE TABLE service_job_parts (
    org  TEXT NOT NULL,
    id   TEXT NOT NULL,
    part BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (org, id, part)
);

CREATE TABLE service_queries (
    org        TEXT NOT NULL,
    name       TEXT NOT NULL,
    definition BLOB NOT NULL,
    PRIMARY KEY (org, name)
);

CREATE TABLE service_subscriptions (
    org             TEXT NOT NULL,
    id              TEXT NOT NULL,
    query           TEXT NOT NULL,
    dest            TEXT NOT NULL,
    secret          BLOB NOT NULL,
    created         BIGINT NOT NULL,
    initial         BIGINT NOT NULL,
    schedule        BLOB NOT NULL,
    report_if_empty SMALLINT NOT NULL,
    epc_format      TEXT NOT NULL,
    position        TEXT NOT NULL,
    last_notified   BIGINT NOT NULL,
    last_run        BIGINT NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE INDEX service_subscriptions_query ON service_subscriptions (org, query, id);

-- Page tokens that were given back before their time.
CREATE TABLE service_ended_tokens (
    org     TEXT NOT NULL,
    digest  BLOB NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (org, digest)
);

-- GS1 company prefixes that recorded events told, and how far events were read for them.
CREATE TABLE service_prefixes (
    org    TEXT NOT NULL,
    prefix TEXT NOT NULL,
    PRIMARY KEY (org, prefix)
);
