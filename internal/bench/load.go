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

// EventLoad makes the EPCIS events of one packing line: each serialised pack is commissioned, and
// later observed being shipped, so that half of the events find their item on the ledger. Every event
// is different from every other of the same run. It is not safe for concurrent use: one a client.
type EventLoad struct {
	run  uint64
	line int
	next uint64
	// waiting are the serials commissioned in documents that were answered and not shipped yet.
	waiting []string
	clock   time.Time
}

// maxWaiting bounds the serials that wait to be shipped.
const maxWaiting = 1 << 16

// NewEventLoad makes the load of a line; run tells the events of one run from those of another,
// start is the time of the first event.
func NewEventLoad(run uint64, line int, start time.Time) *EventLoad {
	return &EventLoad{run: run, line: line, clock: start.UTC().Truncate(time.Millisecond)}
}

// Commission gives n events that commission n new packs, and their serials.
func (l *EventLoad) Commission(n int) (events [][]byte, serials []string) {
	for range n {
		serial := fmt.Sprintf("%x.%d.%d", l.run, l.line, l.next)
		l.next++
		serials = append(serials, serial)
		events = append(events, l.event("ADD", "commissioning", "active", serial))
	}
	return events, serials
}

// Commissioned makes serials ready to be shipped: call it once their commissioning is on the ledger.
func (l *EventLoad) Commissioned(serials []string) {
	if room := maxWaiting - len(l.waiting); len(serials) > room {
		serials = serials[:room]
	}
	l.waiting = append(l.waiting, serials...)
}

// Waiting is how many packs are commissioned and not shipped.
func (l *EventLoad) Waiting() int { return len(l.waiting) }

// Ship gives events that ship at most n packs that are ready.
func (l *EventLoad) Ship(n int) [][]byte {
	n = min(n, len(l.waiting))
	events := make([][]byte, 0, n)
	for _, serial := range l.waiting[:n] {
		events = append(events, l.event("OBSERVE", "shipping", "in_transit", serial))
	}
	l.waiting = l.waiting[n:]
	return events
}

func (l *EventLoad) event(action, step, disposition, serial string) []byte {
	l.clock = l.clock.Add(time.Millisecond)
	at := l.clock.Format("2006-01-02T15:04:05.000Z07:00")
	return fmt.Appendf(nil, `{"type":"ObjectEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00",`+
		`"epcList":["https://id.gs1.org/01/%s/21/%s"],"action":%q,"bizStep":%q,"disposition":%q,`+
		`"readPoint":{"id":"https://id.gs1.org/414/%s/254/line-%d"},"bizLocation":{"id":"https://id.gs1.org/414/%s"},`+
		`"bizTransactionList":[{"type":"prodorder","bizTransaction":"urn:epcglobal:cbv:bt:9521141000012:order-%x-%d"}]}`,
		at, "0"+gs1Digits("952114100001"), serial, action, step, disposition,
		gs1Digits("952114100002"), l.line, gs1Digits("952114100002"), l.run, l.next/1000)
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
