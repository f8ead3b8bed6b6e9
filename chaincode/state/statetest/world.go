// Package statetest is a world state in memory that keeps Fabric's rules, for tests of state and
// contract: a simulated transaction reads the committed state only and never its own writes, its
// read set holds versions that are checked at commit, ranges are read again at commit, composite
// keys follow the shim's rules, and a transaction has one event. It may import Fabric's shim and
// protobufs and nothing of the contracts.
package statetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Version is the position of the transaction that last wrote a key.
type Version struct{ Block, Tx uint64 }

type entry struct {
	value   []byte
	version Version
	policy  []byte // key-level endorsement policy, a marshalled SignaturePolicyEnvelope; nil: the chaincode's
}

// World is the committed state of one channel's chaincode.
type World struct {
	mu     sync.Mutex
	height uint64
	state  map[string]entry
	seen   map[string]struct{} // transaction ids
}

// NewWorld gives an empty state.
func NewWorld() *World {
	return &World{state: map[string]entry{}, seen: map[string]struct{}{}}
}

// Clone gives a world with the same state, which goes its own way from here.
func (w *World) Clone() *World {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &World{height: w.height, state: maps.Clone(w.state), seen: maps.Clone(w.seen)}
}

// State gives a copy of the committed keys and values.
func (w *World) State() map[string][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string][]byte, len(w.state))
	for key, e := range w.state {
		out[key] = e.value
	}
	return out
}

// Read is a key in a read set; Version is nil for a key that did not exist.
type Read struct {
	Key     string
	Version *Version
}

// Write is a key in a write set.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// PolicyWrite is a key-level endorsement policy in a write set.
type PolicyWrite struct {
	Key    string
	Policy []byte
}

// Range is a range query in a read set with the keys that it gave.
type Range struct {
	Start, End string
	Reads      []Read
}

// ReadWriteSet is what a simulation read and would write, and its event.
type ReadWriteSet struct {
	Reads  []Read  // by key
	Ranges []Range // in the order of the queries
	Writes []Write // by key
	// Policies are the keys whose endorsement policy is set, by key.
	Policies []PolicyWrite
	Event    *peer.ChaincodeEvent
}

// Commit validates the transactions of the stubs in their order, as one block, and writes what is
// valid. A stub commits once.
func (w *World) Commit(stubs ...*Stub) []peer.TxValidationCode {
	w.mu.Lock()
	defer w.mu.Unlock()
	codes := make([]peer.TxValidationCode, len(stubs))
	// A key whose policy changes in a block is closed to the block's later transactions.
	changed := map[string]struct{}{}
	for i, s := range stubs {
		set := s.ReadWriteSet()
		codes[i] = w.validate(s, set, changed)
		w.seen[s.TxID] = struct{}{}
		if codes[i] != peer.TxValidationCode_VALID {
			continue
		}
		version := Version{Block: w.height, Tx: uint64(i)}
		for _, write := range set.Writes {
			if write.Delete {
				delete(w.state, write.Key)
				continue
			}
			w.state[write.Key] = entry{value: write.Value, version: version, policy: w.state[write.Key].policy}
		}
		for _, p := range set.Policies {
			changed[p.Key] = struct{}{}
			if e, ok := w.state[p.Key]; ok {
				e.policy, e.version = p.Policy, version
				w.state[p.Key] = e
			}
		}
	}
	w.height++
	return codes
}

// Policy gives the endorsement policy of a key, nil if it has none of its own.
func (w *World) Policy(key string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.state[key].policy)
}

func (w *World) validate(s *Stub, set ReadWriteSet, changed map[string]struct{}) peer.TxValidationCode {
	if _, twice := w.seen[s.TxID]; twice {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	if !w.endorsed(s, set, changed) {
		return peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	}
	for _, r := range set.Reads {
		if !sameVersion(r.Version, w.version(r.Key)) {
			return peer.TxValidationCode_MVCC_READ_CONFLICT
		}
	}
	for _, q := range set.Ranges {
		now := w.rangeOf(q.Start, q.End)
		if !slices.EqualFunc(now, q.Reads, func(a, b Read) bool { return a.Key == b.Key && sameVersion(a.Version, b.Version) }) {
			return peer.TxValidationCode_PHANTOM_READ_CONFLICT
		}
	}
	return peer.TxValidationCode_VALID
}

func (w *World) version(key string) *Version {
	if e, ok := w.state[key]; ok {
		return &e.version
	}
	return nil
}

func (w *World) rangeOf(start, end string) []Read {
	var reads []Read
	for key, e := range w.state {
		if key >= start && key < end {
			reads = append(reads, Read{Key: key, Version: &e.version})
		}
	}
	slices.SortFunc(reads, func(a, b Read) int { return cmp.Compare(a.Key, b.Key) })
	return reads
}

func sameVersion(a, b *Version) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// Proposal is what a client asks to simulate.
type Proposal struct {
	TxID    string
	Args    [][]byte // function, then arguments
	Creator []byte   // serialised identity
	Time    *timestamppb.Timestamp
}

// Simulate opens a simulation of a proposal on the state as it is committed now.
func (w *World) Simulate(p Proposal) *Stub {
	return &Stub{world: w, TxID: p.TxID, args: p.Args, creator: p.Creator, time: p.Time, reads: map[string]*Version{}, writes: map[string]Write{}, policies: map[string][]byte{}}
}

// unimplemented stands for the parts of the shim's interface that this world does not have: private
// data, rich queries, history and calls of other chaincode. Calling one panics.
type unimplemented struct{ shim.ChaincodeStubInterface }

// Stub is the shim's stub of one simulation.
type Stub struct {
	unimplemented

	TxID string
	// Endorsers are the MSP IDs of the peers that endorsed, for the policies of keys; nil: all there are.
	Endorsers []string

	world   *World
	args    [][]byte
	creator []byte
	time    *timestamppb.Timestamp

	mu       sync.Mutex
	reads    map[string]*Version
	ranges   []Range
	writes   map[string]Write
	event    *peer.ChaincodeEvent
	batching bool
	batch    []Write
	paged    bool // a query with pages was made, which a transaction that writes may not
	policies map[string][]byte
	// Gets and Puts count messages to the peer: a bulk read or a write batch is one a hundred keys.
	Gets, Puts int
}

// endorsed reports whether those who endorsed the transaction satisfy the policy of every key that it
// writes or whose policy it sets. The chaincode's own policy is not kept here.
func (w *World) endorsed(s *Stub, set ReadWriteSet, changed map[string]struct{}) bool {
	keys := make([]string, 0, len(set.Writes)+len(set.Policies))
	for _, write := range set.Writes {
		keys = append(keys, write.Key)
	}
	for _, p := range set.Policies {
		keys = append(keys, p.Key)
	}
	for _, key := range keys {
		if _, closed := changed[key]; closed {
			return false
		}
		policy := w.state[key].policy
		if policy == nil || s.Endorsers == nil {
			continue
		}
		if ok, err := satisfied(policy, s.Endorsers); err != nil || !ok {
			return false
		}
	}
	return true
}

// satisfied evaluates a policy over the MSP IDs of peers that endorsed.
func satisfied(policy []byte, endorsers []string) (bool, error) {
	var envelope common.SignaturePolicyEnvelope
	if err := proto.Unmarshal(policy, &envelope); err != nil {
		return false, err
	}
	names := make([]string, len(envelope.GetIdentities()))
	for i, principal := range envelope.GetIdentities() {
		var role msp.MSPRole
		if err := proto.Unmarshal(principal.GetPrincipal(), &role); err != nil {
			return false, err
		}
		names[i] = role.GetMspIdentifier()
	}
	used := make([]bool, len(endorsers))
	return satisfies(envelope.GetRule(), names, endorsers, used), nil
}

// satisfies uses an endorser for one signature at most, as Fabric does.
func satisfies(rule *common.SignaturePolicy, names, endorsers []string, used []bool) bool {
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		for i, e := range endorsers {
			if !used[i] && int(r.SignedBy) < len(names) && names[r.SignedBy] == e {
				used[i] = true
				return true
			}
		}
		return false
	case *common.SignaturePolicy_NOutOf_:
		verified := int32(0)
		for _, inner := range r.NOutOf.GetRules() {
			trial := slices.Clone(used)
			if satisfies(inner, names, endorsers, trial) {
				verified++
				copy(used, trial)
			}
		}
		return verified >= r.NOutOf.GetN()
	}
	return false
}

// bulk is how many keys the shim puts in one message.
const bulk = 100

// ReadWriteSet gives what the simulation read and would write so far.
func (s *Stub) ReadWriteSet() ReadWriteSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := ReadWriteSet{Event: s.event, Ranges: slices.Clone(s.ranges)}
	for _, key := range slices.Sorted(maps.Keys(s.reads)) {
		set.Reads = append(set.Reads, Read{Key: key, Version: s.reads[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(s.writes)) {
		set.Writes = append(set.Writes, s.writes[key])
	}
	for _, key := range slices.Sorted(maps.Keys(s.policies)) {
		set.Policies = append(set.Policies, PolicyWrite{Key: key, Policy: s.policies[key]})
	}
	return set
}

// GetTxID gives the transaction's id.
func (s *Stub) GetTxID() string { return s.TxID }

// GetChannelID gives the channel's name.
func (s *Stub) GetChannelID() string { return "test" }

// GetArgs gives function and arguments.
func (s *Stub) GetArgs() [][]byte { return s.args }

// GetStringArgs gives function and arguments as strings.
func (s *Stub) GetStringArgs() []string {
	out := make([]string, len(s.args))
	for i, a := range s.args {
		out[i] = string(a)
	}
	return out
}

// GetFunctionAndParameters parts function and arguments.
func (s *Stub) GetFunctionAndParameters() (string, []string) {
	args := s.GetStringArgs()
	if len(args) == 0 {
		return "", []string{}
	}
	return args[0], args[1:]
}

// GetCreator gives the serialised identity of the submitter.
func (s *Stub) GetCreator() ([]byte, error) { return s.creator, nil }

// GetTxTimestamp gives the time that the submitter chose.
func (s *Stub) GetTxTimestamp() (*timestamppb.Timestamp, error) {
	if s.time == nil {
		return nil, errors.New("the proposal has no time")
	}
	return s.time, nil
}

// GetState reads the committed value, never what this transaction wrote.
func (s *Stub) GetState(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Gets++
	return s.read(key)
}

// GetMultipleStates reads committed values; nil stands for a key that does not exist.
func (s *Stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Gets += (len(keys) + bulk - 1) / bulk
	var out [][]byte
	for _, key := range keys {
		value, err := s.read(key)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func (s *Stub) read(key string) ([]byte, error) {
	if key == "" {
		return nil, errors.New("key must not be an empty string")
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	e, ok := s.world.state[key]
	if !ok {
		s.reads[key] = nil
		return nil, nil
	}
	s.reads[key] = &e.version
	return slices.Clone(e.value), nil
}

// PutState writes at commit.
func (s *Stub) PutState(key string, value []byte) error {
	if len(value) == 0 {
		return fmt.Errorf("%q: Fabric keeps no empty values", key)
	}
	return s.write(Write{Key: key, Value: slices.Clone(value)})
}

// DelState deletes at commit.
func (s *Stub) DelState(key string) error { return s.write(Write{Key: key, Delete: true}) }

func (s *Stub) write(w Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Key == "" {
		return errors.New("key must not be an empty string")
	}
	if s.paged {
		return errPaged
	}
	if s.batching {
		s.batch = append(s.batch, w)
		return nil
	}
	s.Puts++
	s.writes[w.Key] = w
	return nil
}

// StartWriteBatch keeps writes until FinishWriteBatch.
func (s *Stub) StartWriteBatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batching = true
}

// FinishWriteBatch sends the kept writes.
func (s *Stub) FinishWriteBatch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Puts += (len(s.batch) + bulk - 1) / bulk
	for _, w := range s.batch {
		s.writes[w.Key] = w
	}
	s.batching, s.batch = false, nil
	return nil
}

// SetEvent sets the transaction's one event; a later one takes the place of an earlier.
func (s *Stub) SetEvent(name string, payload []byte) error {
	if name == "" {
		return errors.New("event name can not be empty string")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.event = &peer.ChaincodeEvent{EventName: name, Payload: slices.Clone(payload)}
	return nil
}

// CreateCompositeKey builds a key by the shim's rules.
func (s *Stub) CreateCompositeKey(objectType string, attributes []string) (string, error) {
	return shim.CreateCompositeKey(objectType, attributes)
}

// SplitCompositeKey splits a key.
func (s *Stub) SplitCompositeKey(key string) (string, []string, error) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(key, "\x00"), "\x00"), "\x00")
	return parts[0], parts[1:], nil
}

// GetStateByPartialCompositeKey reads a range of composite keys, to be read again at commit.
func (s *Stub) GetStateByPartialCompositeKey(objectType string, attributes []string) (shim.StateQueryIteratorInterface, error) {
	start, err := shim.CreateCompositeKey(objectType, attributes)
	if err != nil {
		return nil, err
	}
	return s.scan(start, start+"\U0010FFFF")
}

// GetStateByRange reads a range of simple keys, to be read again at commit.
func (s *Stub) GetStateByRange(start, end string) (shim.StateQueryIteratorInterface, error) {
	if strings.HasPrefix(start, "\x00") || strings.HasPrefix(end, "\x00") {
		return nil, errors.New("a range of simple keys must not begin with U+0000")
	}
	if start == "" {
		start = "\x01"
	}
	return s.scan(start, end)
}

func (s *Stub) scan(start, end string) (shim.StateQueryIteratorInterface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	last := end
	if last == "" {
		last = "\U0010FFFF\U0010FFFF"
	}
	it := &iterator{}
	q := Range{Start: start, End: last, Reads: s.world.rangeOf(start, last)}
	for _, r := range q.Reads {
		it.rows = append(it.rows, &queryresult.KV{Key: r.Key, Value: slices.Clone(s.world.state[r.Key].value)})
	}
	s.ranges = append(s.ranges, q)
	return it, nil
}

var errPaged = errors.New("a transaction that makes a query with pages cannot write")

// SetStateValidationParameter sets a key's endorsement policy at commit.
func (s *Stub) SetStateValidationParameter(key string, policy []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "" {
		return errors.New("key must not be an empty string")
	}
	s.policies[key] = slices.Clone(policy)
	return nil
}

// GetStateValidationParameter gives a key's committed endorsement policy, nil if it has none of its own.
func (s *Stub) GetStateValidationParameter(key string) ([]byte, error) {
	return s.world.Policy(key), nil
}

// GetStateByPartialCompositeKeyWithPagination reads a page of a range of composite keys. It is not read
// again at commit, so that a transaction that made one may not write.
func (s *Stub) GetStateByPartialCompositeKeyWithPagination(objectType string, attributes []string, pageSize int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	start, err := shim.CreateCompositeKey(objectType, attributes)
	if err != nil {
		return nil, nil, err
	}
	end := start + "\U0010FFFF"
	if bookmark != "" {
		start = bookmark
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.writes) > 0 || len(s.batch) > 0 {
		return nil, nil, errPaged
	}
	s.paged = true
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	it, more := &iterator{}, &peer.QueryResponseMetadata{}
	for _, r := range s.world.rangeOf(start, end) {
		if len(it.rows) == int(pageSize) {
			more.Bookmark = r.Key
			break
		}
		it.rows = append(it.rows, &queryresult.KV{Key: r.Key, Value: slices.Clone(s.world.state[r.Key].value)})
	}
	more.FetchedRecordsCount = int32(len(it.rows)) //nolint:gosec // at most the page
	return it, more, nil
}

type iterator struct{ rows []*queryresult.KV }

func (i *iterator) HasNext() bool { return len(i.rows) > 0 }

func (i *iterator) Next() (*queryresult.KV, error) {
	if len(i.rows) == 0 {
		return nil, errors.New("no more rows")
	}
	row := i.rows[0]
	i.rows = i.rows[1:]
	return row, nil
}

func (i *iterator) Close() error { return nil }
