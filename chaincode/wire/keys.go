package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Kind is the first part of a world-state key: what the key's value is.
type Kind string

// The kinds of keys. Each is the object type of a Fabric composite key; its attributes follow.
const (
	KindEvent       Kind = "event"       // hash → ledger.EventRecord
	KindRestatement Kind = "restatement" // hash, body digest → ledger.EventRecord
	KindEventID     Kind = "eventid"     // MSP ID, eventID → EventClaim
	KindItem        Kind = "item"        // canonical EPC → ledger.ItemState, stored compactly
	KindFinding     Kind = "finding"     // event hash, code, item (may be empty) → ledger.Finding
	KindPack        Kind = "pack"        // transaction id → EventBatch or SegmentBatch
	KindDevice      Kind = "device"      // id → ledger.Device
	KindSegment     Kind = "segment"     // device, sequence number → ledger.SegmentRecord
	KindPolicy      Kind = "policy"      // id, version → ledger.Policy
	KindProduct     Kind = "product"     // class or "*" → PolicyRef
	KindVerdict     Kind = "verdict"     // shipment, window, model → ledger.Verdict
	KindAccount     Kind = "account"     // holder, class, unit of measure (may be empty) → ledger.Account
	KindRulebook    Kind = "rulebook"    // → ledger.Rulebook
	KindMaster      Kind = "master"      // kind, id… → ledger.MasterDatum, the latest in force
	KindMasterPast  Kind = "masterpast"  // kind, id…, version → ledger.MasterDatum
	KindWaiting     Kind = "waiting"     // version, digest → ledger.MasterDatum: rules that wait for approvals
	KindElement     Kind = "element"     // MSP ID, vocabulary type, id → ledger.ElementRecord, the statement in force
	KindElementPast Kind = "elementpast" // MSP ID, vocabulary type, id, time, content → ledger.ElementRecord
)

// EventClaim is the value under an eventID: the event of the organisation that bears it.
type EventClaim struct {
	Hash ledger.Digest `cbor:"1,keyasint"`
}

// Numbers in keys are decimal with leading zeros, so that keys sort as their numbers do.
const (
	seqDigits     = 20
	windowDigits  = 10
	versionDigits = 10
	timeDigits    = 20
)

const maxRune = string(utf8.MaxRune)

// Key builds a composite key as Fabric's shim does, and refuses attributes that a key cannot hold.
func Key(kind Kind, attributes ...string) (string, error) {
	size := 2 + len(kind)
	for _, a := range attributes {
		switch {
		case len(a) > ledger.MaxIdentifierBytes:
			return "", fmt.Errorf("%w: an identifier of %d bytes, at most %d are allowed", ledger.ErrTooLarge, len(a), ledger.MaxIdentifierBytes)
		case !utf8.ValidString(a) || strings.ContainsRune(a, 0) || strings.Contains(a, maxRune):
			return "", fmt.Errorf("%w: an identifier holds U+0000, U+10FFFF or bytes that are not UTF-8", ledger.ErrMalformed)
		}
		size += len(a) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, 0)
	b = append(b, kind...)
	b = append(b, 0)
	for _, a := range attributes {
		b = append(b, a...)
		b = append(b, 0)
	}
	return string(b), nil
}

// ParseKey splits a composite key.
func ParseKey(key string) (Kind, []string, error) {
	if len(key) < 3 || key[0] != 0 || key[len(key)-1] != 0 {
		return "", nil, fmt.Errorf("%w: not a composite key", ledger.ErrMalformed)
	}
	parts := strings.Split(key[1:len(key)-1], "\x00")
	return Kind(parts[0]), parts[1:], nil
}

// EventKey is the key of an event's record.
func EventKey(hash ledger.Digest) string { return hashKey(KindEvent, hash.String()) }

// RestatementKey is the key of another body of an event.
func RestatementKey(hash, body ledger.Digest) string {
	return hashKey(KindRestatement, hash.String(), body.String())
}

// PackKey is the key of a transaction's bodies or payloads.
func PackKey(txID string) (string, error) { return Key(KindPack, txID) }

// EventIDKey is the key of an eventID's claim: an organisation's ids are its own, so that no other can
// occupy one by recording an event under it first.
func EventIDKey(mspID, id string) (string, error) { return Key(KindEventID, mspID, id) }

// ItemKey is the key of an item's state.
func ItemKey(epc string) (string, error) { return Key(KindItem, epc) }

// FindingKey is the key of a finding: an event raises a rule once for an item.
func FindingKey(f ledger.Finding) (string, error) {
	return NamingKey(f.Naming())
}

// NamingKey is the key of the finding with this name.
func NamingKey(n ledger.Naming) (string, error) {
	return Key(KindFinding, n.Event.String(), string(n.Code), n.Item)
}

// DeviceKey is the key of a device.
func DeviceKey(id string) (string, error) { return Key(KindDevice, id) }

// SegmentKey is the key of a segment's record.
func SegmentKey(device string, seq uint64) (string, error) {
	return Key(KindSegment, device, padded(seq, seqDigits))
}

// FactKey is the key of what has a place in the proof log, and of its leaf.
func FactKey(f ledger.LogFact) (string, error) {
	if f.Device == "" {
		return EventKey(f.Event), nil
	}
	return SegmentKey(f.Device, f.Segment)
}

// PolicyKey is the key of a version of a policy.
func PolicyKey(id string, version uint32) (string, error) {
	return Key(KindPolicy, id, padded(uint64(version), versionDigits))
}

// ProductKey is the key under which the policy of a product class, or of "*", is found.
func ProductKey(product string) (string, error) { return Key(KindProduct, product) }

// VerdictKey is the key of a verdict.
func VerdictKey(shipment string, window uint32, model string) (string, error) {
	return Key(KindVerdict, shipment, padded(uint64(window), windowDigits), model)
}

// AccountKey is the key of an account of quantities.
func AccountKey(id ledger.AccountID) (string, error) {
	return Key(KindAccount, id.Holder, id.Class, id.UOM)
}

// RulebookKey is the key of the rulebook.
func RulebookKey() string { return "\x00" + string(KindRulebook) + "\x00" }

// MasterKey is the key of the latest version in force of a master datum.
func MasterKey(kind ledger.MasterKind, id ...string) (string, error) {
	return Key(KindMaster, append([]string{string(kind)}, id...)...)
}

// MasterVersionKey is the key of a version of a master datum.
func MasterVersionKey(kind ledger.MasterKind, version uint32, id ...string) (string, error) {
	attributes := append([]string{string(kind)}, id...)
	return Key(KindMasterPast, append(attributes, padded(uint64(version), versionDigits))...)
}

// WaitingKey is the key of a version of the rules that waits for approvals, by its MasterDigest.
func WaitingKey(version uint32, digest ledger.Digest) string {
	return hashKey(KindWaiting, padded(uint64(version), versionDigits), digest.String())
}

// ElementKey is the key of the statement in force of an organisation on a vocabulary element.
func ElementKey(mspID, vocabulary, id string) (string, error) {
	return Key(KindElement, mspID, vocabulary, id)
}

// ElementPastKey is the key of a statement, in force or not.
func ElementPastKey(mspID, vocabulary, id string, statedAt ledger.Millis, content ledger.Digest) (string, error) {
	return Key(KindElementPast, mspID, vocabulary, id, padded(uint64(max(statedAt, 0)), timeDigits), content.String())
}

// hashKey builds a key of hexadecimal attributes, which no key can refuse.
func hashKey(kind Kind, attributes ...string) string {
	return "\x00" + string(kind) + "\x00" + strings.Join(attributes, "\x00") + "\x00"
}

func padded(n uint64, digits int) string {
	s := strconv.FormatUint(n, 10)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}
