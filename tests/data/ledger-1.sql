-- A ledger of version 1 with one card, as it was made; see tests/unit/ledger/test_sqlite.py.
BEGIN TRANSACTION;
CREATE TABLE admissions (
    node VARCHAR(64) NOT NULL,
    card VARCHAR(64) NOT NULL,
    public TEXT NOT NULL,
    replaces VARCHAR(64),
    at FLOAT NOT NULL,
    PRIMARY KEY (node)
);
CREATE TABLE batches (
    token VARCHAR(64) NOT NULL,
    nonce VARCHAR(64) NOT NULL,
    nodes JSON NOT NULL,
    made_at FLOAT NOT NULL,
    claimed BOOLEAN NOT NULL,
    PRIMARY KEY (token)
);
CREATE TABLE boards (
    serial VARCHAR(64) NOT NULL,
    mac VARCHAR(17),
    model VARCHAR(63),
    node VARCHAR(63),
    retired BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    seen_at FLOAT NOT NULL,
    PRIMARY KEY (serial),
    UNIQUE (node)
);
CREATE TABLE cards (
    card VARCHAR(64) NOT NULL,
    node VARCHAR(63),
    spare BOOLEAN NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    public TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    board VARCHAR(16),
    image VARCHAR(64),
    made_at FLOAT NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    changed_at FLOAT NOT NULL,
    PRIMARY KEY (card),
    UNIQUE (fingerprint)
);
INSERT INTO "cards" VALUES('card-0123456789ab','pi3',0,'fingerprint','public
','in use','',NULL,NULL,1.0,'jane',1.0);
CREATE TABLE decisions (
    id INTEGER NOT NULL,
    node VARCHAR(64) NOT NULL,
    at FLOAT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    action VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    card VARCHAR(64),
    serial VARCHAR(64),
    PRIMARY KEY (id)
);
CREATE TABLE journal (
    kind VARCHAR(16) NOT NULL,
    node VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    data JSON NOT NULL,
    at FLOAT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (kind, node, fingerprint)
);
CREATE TABLE ports (
    mac VARCHAR(17) NOT NULL,
    rack VARCHAR(63) NOT NULL,
    port INTEGER NOT NULL,
    seen_at FLOAT NOT NULL,
    PRIMARY KEY (mac)
);
CREATE TABLE rejoins (
    node VARCHAR(64) NOT NULL,
    step VARCHAR(16) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    reason TEXT NOT NULL,
    card VARCHAR(64) NOT NULL,
    serial VARCHAR(64) NOT NULL,
    verified BOOLEAN NOT NULL,
    aside BOOLEAN NOT NULL,
    tries INTEGER NOT NULL,
    nonce VARCHAR(64) NOT NULL,
    since FLOAT NOT NULL,
    step_at FLOAT NOT NULL,
    not_before FLOAT NOT NULL,
    limit_at FLOAT,
    seconds JSON NOT NULL,
    PRIMARY KEY (node)
);
CREATE TABLE strangers (
    name VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at FLOAT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (name, fingerprint)
);
CREATE TABLE version (
    number INTEGER NOT NULL,
    PRIMARY KEY (number)
);
INSERT INTO "version" VALUES(1);
CREATE INDEX cards_by_node ON cards (node, state);
CREATE INDEX journal_by_time ON journal (at);
CREATE INDEX rejoins_due ON rejoins (step, limit_at);
CREATE INDEX decisions_by_node ON decisions (node, id);
CREATE INDEX strangers_by_time ON strangers (at);
COMMIT;
