package ledger

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DatasetSnapshot is a version of a data set, frozen: what of the ledger it holds and the root over it,
// so that who has the ledger can make it again and compare. The contract does not read the range; who
// submits a false root is found out by whoever rebuilds it, under its name.
type DatasetSnapshot struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"` // from 1 without gaps
	// Root is the RFC 6962 Merkle tree hash over the canonical bytes of its events and segments, in
	// ledger order.
	Root     Digest `cbor:"3,keyasint"`
	Events   uint64 `cbor:"4,keyasint"`
	Segments uint64 `cbor:"5,keyasint"`
	Bytes    uint64 `cbor:"6,keyasint"` // of all leaves
	// The blocks From to To-1 of the channel; Block is the hash of the last, which names the ledger.
	From  uint64 `cbor:"7,keyasint"`
	To    uint64 `cbor:"8,keyasint"`
	Block Digest `cbor:"9,keyasint"`
	Query string `cbor:"10,keyasint,omitempty"` // what of the range belongs to it; empty: everything
	// Schema names the form of a leaf, Features the digest of the specification of the features that are
	// read from it.
	Schema   string `cbor:"11,keyasint"`
	Features Digest `cbor:"12,keyasint"`
	Licence  string `cbor:"13,keyasint"` // SPDX identifier or URL of the terms
	About    string `cbor:"14,keyasint,omitempty"`
	// What follows is set by the contract.
	MSPID string `cbor:"15,keyasint,omitempty"`
	By    string `cbor:"16,keyasint,omitempty"`
	At    Millis `cbor:"17,keyasint,omitempty"`
	TxID  string `cbor:"18,keyasint,omitempty"`
}

// DatasetRef names a snapshot and what it held.
type DatasetRef struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"`
	Root    Digest `cbor:"3,keyasint"`
}

// Ref names the snapshot.
func (d DatasetSnapshot) Ref() DatasetRef {
	return DatasetRef{ID: d.ID, Version: d.Version, Root: d.Root}
}

// Stated drops what the contract sets.
func (d DatasetSnapshot) Stated() DatasetSnapshot {
	d.MSPID, d.By, d.At, d.TxID = "", "", 0, ""
	return d
}

// Limits of models and data sets.
const (
	MaxBatchDatasets     = 20
	MaxBatchModels       = 8
	MaxBatchEvaluations  = 50
	MaxBatchModelMotions = 50
	MaxQueryBytes        = 4 << 10
	MaxAboutBytes        = 4 << 10
	MaxChunkBytes        = 512 << 10
	MaxArtefactChunks    = 16
	MaxArtefactBytes     = MaxArtefactChunks * MaxChunkBytes
	MaxModelDatasets     = 32
	MaxModelSums         = 256
	MaxModelParameters   = 256
	MaxModelMetrics      = 128
	MaxModelProducts     = 256
	MaxModelGates        = 64
	MaxAliasPast         = 16
	MaxModelIDBytes      = 64
	maxMetricBytes       = 64
	maxTermBytes         = 256
)

// CheckDataset holds what can be said of a snapshot by itself.
func CheckDataset(d DatasetSnapshot) error {
	switch {
	case !plainName(d.ID, MaxModelIDBytes) || d.Version == 0:
		return refuse(ErrSchema, "a data set is named by a-z, 0-9, '.', '_' and '-', at most %d bytes, and a version from 1", MaxModelIDBytes)
	case d.Root.IsZero() || d.Features.IsZero() || d.Block.IsZero():
		return refuse(ErrSchema, "the root, the digest of the features or the block's hash is missing")
	case d.Events > maxRootNumber || d.Segments > maxRootNumber || d.Events+d.Segments == 0 || d.Bytes == 0 || d.Bytes > 1<<60:
		return refuse(ErrSchema, "a snapshot of %d events and %d segments in %d bytes", d.Events, d.Segments, d.Bytes)
	case d.From >= d.To || d.To > maxRootNumber:
		return refuse(ErrSchema, "blocks %d to before %d", d.From, d.To)
	case len(d.Query) > MaxQueryBytes || !utf8.ValidString(d.Query) || strings.ContainsFunc(d.Query, unicode.IsControl):
		return refuse(ErrSchema, "a query is of at most %d bytes of text without control characters", MaxQueryBytes)
	}
	if err := checkTerms("a schema and a licence", d.Schema, d.Licence); err != nil {
		return err
	}
	return checkProse("a description", d.About)
}

func checkTerms(what string, terms ...string) error {
	for _, text := range terms {
		if text == "" || len(text) > maxTermBytes || !printable(text) {
			return refuse(ErrSchema, "%s are of 1 to %d printable characters", what, maxTermBytes)
		}
	}
	return nil
}

// checkProse holds a text for people to its bounds; lines may be broken.
func checkProse(what, text string) error {
	if len(text) > MaxAboutBytes || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return refuse(ErrSchema, "%s is of at most %d bytes of text", what, MaxAboutBytes)
	}
	return nil
}

// DecideDataset decides on a snapshot that CheckDataset passed; recorded is that version, previous the one
// before, nil if there is none. Versions follow each other and stay with the organisation of the first.
func DecideDataset(d DatasetSnapshot, recorded, previous *DatasetSnapshot, tx Tx) (DatasetSnapshot, Status, error) {
	d = d.Stated()
	if recorded != nil {
		if recorded.Stated() != d {
			return DatasetSnapshot{}, 0, refuse(ErrConflict, "version %d of data set %s is frozen; submit version %d", d.Version, d.ID, d.Version+1)
		}
		return *recorded, StatusDuplicate, nil
	}
	if d.Version > 1 {
		switch {
		case previous == nil:
			return DatasetSnapshot{}, 0, refuse(ErrConflict, "version %d of data set %s is not there; versions follow each other", d.Version-1, d.ID)
		case previous.MSPID != tx.Actor.MSPID:
			return DatasetSnapshot{}, 0, refuse(ErrUnauthorised, "data set %s belongs to %s", d.ID, previous.MSPID)
		}
	}
	d.MSPID, d.By, d.At, d.TxID = tx.Actor.MSPID, shortSubject(tx.Actor.Subject), tx.Time, tx.ID
	return d, StatusRecorded, nil
}

// versioned is "id/version".
func versioned(id string, version uint32) string {
	return id + "/" + strconv.FormatUint(uint64(version), 10)
}

// parseVersioned reads "id/version".
func parseVersioned(what, s string) (string, uint32, error) {
	id, digits, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || versioned(id, uint32(n)) != s || !plainName(id, MaxModelIDBytes) {
		return "", 0, refuse(ErrMalformed, "%s %.200q is not of the form id/version", what, s)
	}
	return id, uint32(n), nil
}

// ParseDatasetName reads "id/version".
func ParseDatasetName(s string) (id string, version uint32, err error) {
	return parseVersioned("data set", s)
}
