package state

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Repository is the ledger as one transaction sees it. It is not for concurrent use.
type Repository struct {
	keys  *overlay
	items map[string]ledger.ItemState // read or changed, by EPC
	dirty map[string]struct{}         // EPCs of changed items

	accounts      map[ledger.AccountID]ledger.Account // read or changed
	dirtyAccounts map[ledger.AccountID]struct{}
	master        map[string]*ledger.MasterDatum // read, by key; nil: not registered
}

// New gives the repository of a transaction.
func New(world WorldState) *Repository {
	return &Repository{
		keys: newOverlay(world), items: map[string]ledger.ItemState{}, dirty: map[string]struct{}{},
		accounts: map[ledger.AccountID]ledger.Account{}, dirtyAccounts: map[ledger.AccountID]struct{}{}, master: map[string]*ledger.MasterDatum{},
	}
}

// Prefetch reads keys in bulk, so that later reads of them cost nothing.
func (r *Repository) Prefetch(keys []string) error { return r.keys.prefetch(keys) }

// Flush writes what changed, in one batch, and tells whether anything did.
func (r *Repository) Flush() (wrote bool, err error) {
	epcs := make([]string, 0, len(r.dirty))
	for epc := range r.dirty {
		epcs = append(epcs, epc)
	}
	slices.Sort(epcs)
	for _, epc := range epcs {
		key, err := wire.ItemKey(epc)
		if err != nil {
			return false, err
		}
		value, err := wire.EncodeItem(r.items[epc])
		if err != nil {
			return false, err
		}
		if err := r.putChanged(key, value); err != nil {
			return false, err
		}
	}
	if err := r.flushAccounts(); err != nil {
		return false, err
	}
	if !r.keys.dirty() {
		return false, nil
	}
	return true, r.keys.flush()
}

// Event gives the record of an event, nil if it is not recorded.
func (r *Repository) Event(hash ledger.Digest) (*ledger.EventRecord, error) {
	return load[ledger.EventRecord](r, wire.EventKey(hash))
}

// CreateEvent records an event.
func (r *Repository) CreateEvent(hash ledger.Digest, record ledger.EventRecord) error {
	return store(r, wire.EventKey(hash), record)
}

// MarkEvent writes the record of a recorded event again; only the marks on it may differ.
func (r *Repository) MarkEvent(hash ledger.Digest, record ledger.EventRecord) error {
	before, err := r.Event(hash)
	if err != nil {
		return err
	}
	if before == nil || before.TxID != record.TxID || before.Index != record.Index || before.BodyDigest != record.BodyDigest || before.MSPID != record.MSPID {
		return fmt.Errorf("%w: event %s", ErrExists, hash)
	}
	value, err := wire.Encode(record)
	if err != nil {
		return err
	}
	r.keys.put(wire.EventKey(hash), value)
	return nil
}

// Restatement gives the record of another text of an event, nil if it is not recorded.
func (r *Repository) Restatement(hash, body ledger.Digest) (*ledger.EventRecord, error) {
	return load[ledger.EventRecord](r, wire.RestatementKey(hash, body))
}

// PutRestatement records another text of an event. The only one that may be recorded again is a
// declaration of error, by another organisation: by the event's recorder, after somebody else's.
func (r *Repository) PutRestatement(hash, body ledger.Digest, record ledger.EventRecord) error {
	before, err := r.Restatement(hash, body)
	if err != nil {
		return err
	}
	if before != nil && (!record.DeclaredInError || before.MSPID == record.MSPID) {
		return fmt.Errorf("%w: restatement of event %s", ErrExists, hash)
	}
	value, err := wire.Encode(record)
	if err != nil {
		return err
	}
	r.keys.put(wire.RestatementKey(hash, body), value)
	return nil
}

// Bearer gives the event that bears an eventID within an organisation, nil if none does.
func (r *Repository) Bearer(mspID, eventID string) (*ledger.Digest, error) {
	key, err := wire.EventIDKey(mspID, eventID)
	if err != nil {
		return nil, err
	}
	claim, err := load[wire.EventClaim](r, key)
	if err != nil || claim == nil {
		return nil, err
	}
	return &claim.Hash, nil
}

// CreateClaim makes an event the bearer of an eventID within an organisation.
func (r *Repository) CreateClaim(mspID, eventID string, hash ledger.Digest) error {
	key, err := wire.EventIDKey(mspID, eventID)
	if err != nil {
		return err
	}
	return store(r, key, wire.EventClaim{Hash: hash})
}

// Item gives the state of an item; one that no event named yet has nothing but its EPC.
func (r *Repository) Item(epc string) (ledger.ItemState, error) {
	if s, ok := r.items[epc]; ok {
		return s, nil
	}
	key, err := wire.ItemKey(epc)
	if err != nil {
		return ledger.ItemState{}, err
	}
	value, err := r.keys.get(key)
	if err != nil {
		return ledger.ItemState{}, err
	}
	s := ledger.ItemState{EPC: epc}
	if value != nil {
		if s, err = wire.DecodeItem(epc, value); err != nil {
			return ledger.ItemState{}, damaged(key, err)
		}
	}
	r.items[epc] = s
	return s, nil
}

// PutItem changes the state of an item.
func (r *Repository) PutItem(s ledger.ItemState) {
	r.items[s.EPC] = s
	r.dirty[s.EPC] = struct{}{}
}

// CreatePack stores the bodies or payloads of a transaction.
func (r *Repository) CreatePack(txID string, pack []byte) error {
	key, err := wire.PackKey(txID)
	if err != nil {
		return err
	}
	return r.keys.create(key, pack)
}

// EventBody gives context and body of a recorded event or restatement.
func (r *Repository) EventBody(record ledger.EventRecord) (wire.EventEntry, error) {
	value, key, err := r.pack(record.TxID)
	if err != nil {
		return wire.EventEntry{}, err
	}
	entries, err := wire.DecodeEventBatch(value)
	if err != nil {
		return wire.EventEntry{}, damaged(key, err)
	}
	if record.Index < 0 || record.Index >= len(entries) || entries[record.Index].Digest() != record.BodyDigest {
		return wire.EventEntry{}, damaged(key, fmt.Errorf("%w: position %d is not the body", ledger.ErrMalformed, record.Index))
	}
	return entries[record.Index], nil
}

// SegmentPayload gives payload and signature of a recorded segment.
func (r *Repository) SegmentPayload(record ledger.SegmentRecord) (wire.SignedSegment, error) {
	value, key, err := r.pack(record.TxID)
	if err != nil {
		return wire.SignedSegment{}, err
	}
	batch, err := wire.DecodeSegmentBatch(value)
	if err != nil {
		return wire.SignedSegment{}, damaged(key, err)
	}
	if record.Index < 0 || record.Index >= len(batch.Segments) || wire.SegmentDigest(batch.Segments[record.Index].Payload) != record.Digest {
		return wire.SignedSegment{}, damaged(key, fmt.Errorf("%w: position %d is not the payload", ledger.ErrMalformed, record.Index))
	}
	return batch.Segments[record.Index], nil
}

func (r *Repository) pack(txID string) (value []byte, key string, err error) {
	return packFrom(txID, r.keys.get)
}

func packFrom(txID string, get func(string) ([]byte, error)) (value []byte, key string, err error) {
	if key, err = wire.PackKey(txID); err != nil {
		return nil, key, err
	}
	if value, err = get(key); err != nil {
		return nil, key, err
	}
	if value == nil {
		return nil, key, damaged(key, ledger.ErrUnknown)
	}
	return value, key, nil
}

// Device gives a device, nil if it is not registered.
func (r *Repository) Device(id string) (*ledger.Device, error) {
	return named[ledger.Device](r, func() (string, error) { return wire.DeviceKey(id) })
}

// CreateDevice registers a device.
func (r *Repository) CreateDevice(d ledger.Device) error {
	key, err := wire.DeviceKey(d.ID)
	if err != nil {
		return err
	}
	return store(r, key, d)
}

// Segment gives the record of a segment, nil if it is not recorded.
func (r *Repository) Segment(device string, seq uint64) (*ledger.SegmentRecord, error) {
	return named[ledger.SegmentRecord](r, func() (string, error) { return wire.SegmentKey(device, seq) })
}

// CreateSegment records a segment.
func (r *Repository) CreateSegment(device string, seq uint64, record ledger.SegmentRecord) error {
	key, err := wire.SegmentKey(device, seq)
	if err != nil {
		return err
	}
	return store(r, key, record)
}

// Policy gives a version of a policy, nil if it is not set.
func (r *Repository) Policy(id string, version uint32) (*ledger.Policy, error) {
	return named[ledger.Policy](r, func() (string, error) { return wire.PolicyKey(id, version) })
}

// CreatePolicy sets a version of a policy.
func (r *Repository) CreatePolicy(p ledger.Policy) error {
	key, err := wire.PolicyKey(p.ID, p.Version)
	if err != nil {
		return err
	}
	return store(r, key, p)
}

// Product tells which version of which policy a product has, nil if none.
func (r *Repository) Product(product string) (*wire.PolicyRef, error) {
	return named[wire.PolicyRef](r, func() (string, error) { return wire.ProductKey(product) })
}

// PutProduct gives a product a version of a policy; nil takes its policy away.
func (r *Repository) PutProduct(product string, ref *wire.PolicyRef) error {
	key, err := wire.ProductKey(product)
	if err != nil {
		return err
	}
	if ref == nil {
		r.keys.delete(key)
		return nil
	}
	value, err := wire.Encode(*ref)
	if err != nil {
		return err
	}
	r.keys.put(key, value)
	return nil
}

// Verdict gives a verdict, nil if it is not recorded.
func (r *Repository) Verdict(shipment string, window uint32, model string) (*ledger.Verdict, error) {
	return named[ledger.Verdict](r, func() (string, error) { return wire.VerdictKey(shipment, window, model) })
}

// CreateVerdict records a verdict.
func (r *Repository) CreateVerdict(v ledger.Verdict) error {
	key, err := wire.VerdictKey(v.Shipment, v.Window, v.Model)
	if err != nil {
		return err
	}
	return store(r, key, v)
}

// HasEvent, SegmentOf and HasPolicy make a Repository a ledger.Ledger.

// HasEvent reports whether an event is recorded.
func (r *Repository) HasEvent(hash ledger.Digest) (bool, error) {
	record, err := r.Event(hash)
	return record != nil, err
}

// SegmentOf gives a segment's record, nil if there is none.
func (r *Repository) SegmentOf(device string, seq uint64) (*ledger.SegmentRecord, error) {
	return r.Segment(device, seq)
}

// HasPolicy reports whether the version of a policy is set.
func (r *Repository) HasPolicy(id string, version uint32) (bool, error) {
	p, err := r.Policy(id, version)
	return p != nil, err
}

// stored is a type that lies under a key as it is.
type stored interface {
	ledger.EventRecord | ledger.SegmentRecord | ledger.Device | ledger.Policy | ledger.Verdict | ledger.Finding | wire.PolicyRef | wire.EventClaim |
		ledger.Anchor | ledger.AnchorHead | ledger.Account | ledger.Rulebook | ledger.MasterDatum | ledger.ElementRecord |
		storedCredit | storedModel | storedTask
}

func named[T stored](r *Repository, name func() (string, error)) (*T, error) {
	key, err := name()
	if err != nil {
		return nil, err
	}
	return load[T](r, key)
}

func load[T stored](r *Repository, key string) (*T, error) {
	value, err := r.keys.get(key)
	if err != nil || value == nil {
		return nil, err
	}
	v, err := wire.Decode[T](value, wire.MaxStoredBytes)
	if err != nil {
		return nil, damaged(key, err)
	}
	return &v, nil
}

func store[T stored](r *Repository, key string, v T) error {
	value, err := wire.Encode(v)
	if err != nil {
		return err
	}
	return r.keys.create(key, value)
}
