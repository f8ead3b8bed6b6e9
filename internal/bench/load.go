package bench

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// gs1Digits appends the check digit to the digits of a GS1 key. Source: GS1 General Specifications, section 7.9.1.
func gs1Digits(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

// steps are what happens to a pallet at one site, in order, as a warehouse reports it.
func steps() []step {
	return []step{
		{"ADD", "commissioning", "active"},
		{"OBSERVE", "storing", "sellable_not_accessible"},
		{"OBSERVE", "picking", "in_progress"},
		{"OBSERVE", "loading", "in_progress"},
		{"OBSERVE", "shipping", "in_transit"},
	}
}

type step struct{ action, bizStep, disposition string }

// EventLoad makes the EPCIS events of one site: pallets that are commissioned, stored, picked, loaded
// and shipped, an ObjectEvent each. Every event is different from every other of the same run. It is
// not safe for concurrent use: one a client.
type EventLoad struct {
	run   uint64
	site  int
	next  int // pallets times steps
	clock time.Time
}

// NewEventLoad makes the load of a site; run tells the events of one run from those of another,
// start is the time of the first event.
func NewEventLoad(run uint64, site int, start time.Time) *EventLoad {
	return &EventLoad{run: run, site: site, clock: start.UTC().Truncate(time.Millisecond)}
}

// Events gives the next n events: pallet after pallet, each through all its steps.
func (l *EventLoad) Events(n int) [][]byte {
	all := steps()
	events := make([][]byte, n)
	for i := range events {
		s := all[l.next%len(all)]
		events[i] = l.event(s, l.next/len(all))
		l.next++
	}
	return events
}

func (l *EventLoad) event(s step, pallet int) []byte {
	l.clock = l.clock.Add(time.Millisecond)
	place := gs1Digits(fmt.Sprintf("952114%06d", l.site%1_000_000))
	return fmt.Appendf(nil, `{"type":"ObjectEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00",`+
		`"epcList":["https://id.gs1.org/8003/0%s%x.%d.%d"],"action":%q,"bizStep":%q,"disposition":%q,`+
		`"readPoint":{"id":"https://id.gs1.org/414/%s/254/%s"},"bizLocation":{"id":"https://id.gs1.org/414/%s"},`+
		`"bizTransactionList":[{"type":"desadv","bizTransaction":"urn:epcglobal:cbv:bt:9521141000012:D-%x-%d"}]}`,
		l.clock.Format("2006-01-02T15:04:05.000Z07:00"), gs1Digits("952114100001"), l.run&0xfffffff, l.site, pallet,
		s.action, s.bizStep, s.disposition, place, s.bizStep, place, l.run, pallet/30)
}

// Logger is the load of one sensor logger: a private key and a chain of segments of a walking
// temperature. It is not safe for concurrent use.
type Logger struct {
	ID   string // GIAI as Digital Link
	key  ed25519.PrivateKey
	rng  *rand.Rand
	seq  uint64
	prev ledger.Digest
	at   ledger.Millis
	temp int32
	step ledger.Millis
}

// NewLogger makes logger number n of a run. Its first reading is at start, the next ones step apart.
func NewLogger(run uint64, n int, start time.Time, step time.Duration) *Logger {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], run)
	binary.BigEndian.PutUint64(seed[8:], uint64(n)) //nolint:gosec // a counter
	keySeed := sha256.Sum256(append([]byte("waybill bench logger"), seed[:]...))
	return &Logger{
		ID:   fmt.Sprintf("https://id.gs1.org/8004/9521141bench%xn%d", run, n),
		key:  ed25519.NewKeyFromSeed(keySeed[:]),
		rng:  rand.New(rand.NewChaCha8(seed)), //nolint:gosec // load, not secrets
		at:   ledger.MillisOf(start),
		temp: 5000,
		step: ledger.Millis(step.Milliseconds()),
	}
}

// PublicKey is the logger's key.
func (l *Logger) PublicKey() ed25519.PublicKey { return l.key.Public().(ed25519.PublicKey) } //nolint:forcetypeassert // ed25519's own promise

// Readings gives the next n readings as a segment, not yet encoded. Sign its payload before asking for the next.
func (l *Logger) Readings(n int) ledger.Segment {
	s := ledger.Segment{Device: l.ID, Seq: l.seq, Previous: l.prev, Times: make([]ledger.Millis, n)}
	values := make([]int32, n)
	for i := range n {
		s.Times[i] = l.at
		l.at += l.step
		// A random walk in tenths of a degree, as a logger of that resolution gives, drawn back to 5 °C.
		l.temp += (l.rng.Int32N(3)-1)*100 - (l.temp-5000)/20/100*100
		values[i] = l.temp
	}
	s.Channels = []ledger.Channel{{Quantity: ledger.Temperature, Values: values}}
	return s
}

// Sign signs a segment's payload and makes the next segment continue it.
func (l *Logger) Sign(payload []byte) (signature []byte) {
	l.seq++
	l.prev = sha256.Sum256(payload)
	return ed25519.Sign(l.key, payload)
}
