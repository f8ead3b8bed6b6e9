package referee_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const (
	pallet = "urn:epc:id:sscc:9520001.3000000001"
	logger = "urn:epc:id:giai:9520002.A"
)

// records is what is recorded, in memory.
type records struct {
	events   map[ledger.Digest]wire.RecordedEvent
	segments map[uint64]wire.RecordedSegment
	policy   ledger.Policy
	broken   error
}

func (r *records) RecordedEvent(hash ledger.Digest) (wire.RecordedEvent, error) {
	e, ok := r.events[hash]
	if !ok {
		return e, fmt.Errorf("%w: event %s", ledger.ErrUnknown, hash)
	}
	return e, r.broken
}

func (r *records) RecordedSegment(device string, seq uint64) (wire.RecordedSegment, error) {
	s, ok := r.segments[seq]
	if !ok || device != s.Segment.Device {
		return s, fmt.Errorf("%w: segment %d", ledger.ErrUnknown, seq)
	}
	return s, r.broken
}

func (r *records) RecordedPolicy(string, uint32) (ledger.Policy, error) { return r.policy, r.broken }

// shipped is the model that ships with the product, which takes longer to read than most tasks.
var shipped = sync.OnceValues(score.Default)

func canonical(t testing.TB, epc string) string {
	t.Helper()
	c, err := epcis.CanonicalEPC(epc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// event records an event of a time and names it.
func (r *records) event(t testing.TB, at time.Time, fields map[string]any) ledger.Reference {
	t.Helper()
	fields["eventTime"], fields["eventTimeZoneOffset"] = at.Format(time.RFC3339), "+00:00"
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	e, err := epcis.ParseEvent(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	hash := ledger.Digest(e.Hash())
	r.events[hash] = wire.RecordedEvent{Hash: hash, Body: body}
	return ledger.Reference{Kind: ledger.RefEvent, Digest: hash}
}

// shipment records a shipment with so many segments of so many readings on so many channels, and states its last window.
func shipment(t testing.TB, segments, readings, channels int) (*records, ledger.TaskStatement) {
	t.Helper()
	r := &records{
		events: map[ledger.Digest]wire.RecordedEvent{}, segments: map[uint64]wire.RecordedSegment{},
		policy: ledger.Policy{ID: "cold", Version: 1, Products: []string{"*"}, Low: 2_000, High: 8_000, ExcursionHigh: 15_000, ExcursionFor: 3_600_000, Grace: 600_000},
	}
	m, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	s := ledger.TaskStatement{Shipment: canonical(t, pallet), Window: uint32(segments - 1), Model: m.Name(), References: []ledger.Reference{{Kind: ledger.RefPolicy, ID: "cold", First: 1}}}
	for k, fields := range []map[string]any{
		{"type": "AssociationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{logger}},
		{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{pallet}, "bizStep": "shipping"},
	} {
		s.References = append(s.References, r.event(t, start.Add(time.Duration(k)*time.Second), fields))
	}
	at := ledger.MillisOf(start) + 60_000
	quantities := []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity, ledger.Shock, ledger.Light, ledger.Door}
	for seq := range segments {
		segment := ledger.Segment{Device: canonical(t, logger), Seq: uint64(seq)}
		for c := range channels {
			segment.Channels = append(segment.Channels, ledger.Channel{Quantity: quantities[c]})
		}
		for k := range readings {
			segment.Times = append(segment.Times, at)
			for c := range channels {
				segment.Channels[c].Values = append(segment.Channels[c].Values, int32(5_000+37*((seq*readings+k*k+c)%23)))
			}
			at += 30_000
		}
		digest := ledger.Digest(sha256.Sum256(fmt.Append(nil, seq)))
		r.segments[uint64(seq)] = wire.RecordedSegment{Segment: segment, Digest: digest}
	}
	last := uint64(segments - 1)
	s.References = append(s.References, ledger.Reference{Kind: ledger.RefSegments, ID: canonical(t, logger), Last: last, Digest: r.segments[last].Digest})
	return r, s
}

func judge(t testing.TB, r *records, s ledger.TaskStatement) ledger.Ruling {
	t.Helper()
	m, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	ruling, err := referee.Judge(m, s, r)
	if err != nil {
		t.Fatal(err)
	}
	return ruling
}

func TestTheSameReferencesGiveTheSameRuling(t *testing.T) {
	r, s := shipment(t, 3, 20, 2)
	one, two := judge(t, r, s), judge(t, r, s)
	if one.Fault != "" || one.Answer != two.Answer || one.Inputs != two.Inputs || one.Verdict.Window != 2 || ledger.CheckVerdict(one.Verdict) != nil {
		t.Fatalf("%+v", one)
	}
	digest, err := wire.VerdictDigest(one.Verdict)
	if err != nil || digest != one.Answer.Verdict {
		t.Error(err)
	}
	// Segments one by one are the same as a range.
	parts := s
	parts.References = append([]ledger.Reference{}, s.References[:3]...)
	for seq := range uint64(3) {
		parts.References = append(parts.References, ledger.Reference{Kind: ledger.RefSegments, ID: canonical(t, logger), First: seq, Last: seq, Digest: r.segments[seq].Digest})
	}
	if judge(t, r, parts).Answer != one.Answer {
		t.Error("a range is not its segments")
	}
}

func TestAListThatIsNoWindowIsAFault(t *testing.T) {
	r, s := shipment(t, 3, 20, 1)
	for what, change := range map[string]func(*ledger.TaskStatement){
		"another window":       func(s *ledger.TaskStatement) { s.Window = 1 },
		"another beginning":    func(s *ledger.TaskStatement) { s.Begins = 1 },
		"another shipment":     func(s *ledger.TaskStatement) { s.Shipment += "9" },
		"nothing":              func(s *ledger.TaskStatement) { s.References = nil },
		"no readings":          func(s *ledger.TaskStatement) { s.References = s.References[:3] },
		"no shipment":          func(s *ledger.TaskStatement) { s.References = append(s.References[:1:1], s.References[3]) },
		"an unknown event":     func(s *ledger.TaskStatement) { s.References[1].Digest = ledger.Digest{1} },
		"an unknown segment":   func(s *ledger.TaskStatement) { s.References[3].Last = 9 },
		"an unknown kind":      func(s *ledger.TaskStatement) { s.References[1].Kind = 99 },
		"something afterwards": func(s *ledger.TaskStatement) { s.References = append(s.References, s.References[0]) },
	} {
		other := s
		other.References = append([]ledger.Reference{}, s.References...)
		change(&other)
		if ruling := judge(t, r, other); ruling.Fault == "" || !ruling.Blame {
			t.Errorf("%s: %+v", what, ruling)
		}
	}
	r.broken = errors.New("no line")
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = referee.Judge(m, s, r); err == nil {
		t.Error("a fault of the machinery is a ruling")
	}
	r.broken = fmt.Errorf("%w: too much", ledger.ErrTooLarge)
	if ruling := judge(t, r, s); ruling.Fault == "" || ruling.Blame {
		t.Errorf("%+v", ruling)
	}
}

// Whatever list is within the bounds of a task: with a segment that it leaves out it is judged as with it, wherever that stands, also
// where all segments wait for their binding. The last list is at every bound at once.
func TestWhatAListLeavesOutIsJudgedAtTheBoundsOfATask(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		segments, readings := rapid.SampledFrom([]int{1, 2, 70, 200}).Draw(draw, "segments"), 1
		if segments < 70 {
			readings = rapid.SampledFrom([]int{1, 30}).Draw(draw, "readings")
		}
		leavesOut(t, segments, readings, rapid.IntRange(1, 99).Draw(draw, "readings left out"), rapid.IntRange(0, segments-1).Draw(draw, "left out"), rapid.Bool().Draw(draw, "late"))
	})
	for _, late := range []bool{false, true} {
		leavesOut(t, ledger.MaxTaskSegments, ledger.MaxTaskReadings/ledger.MaxTaskSegments, ledger.MaxSegmentReadings, 0, late)
	}
}

// leavesOut judges a list of so many segments of so many readings that leaves out another one, of so many, before the n-th of
// them, with and without that; late: all were recorded before their logger was bound.
func leavesOut(t testing.TB, segments, readings, long, n int, late bool) {
	t.Helper()
	r, s := shipment(t, segments+1, readings, 1)
	left := r.segments[uint64(n)]
	at := left.Segment.Times[0]
	left.Segment.Times, left.Segment.Channels = nil, []ledger.Channel{{Quantity: ledger.Temperature}}
	for k := range long {
		left.Segment.Times = append(left.Segment.Times, at+ledger.Millis(k))
		left.Segment.Channels[0].Values = append(left.Segment.Channels[0].Values, 5_000)
	}
	r.segments[uint64(n)] = left
	span := func(first, last int) []ledger.Reference {
		if first > last {
			return nil
		}
		return []ledger.Reference{{Kind: ledger.RefSegments, ID: canonical(t, logger), First: uint64(first), Last: uint64(last), Digest: r.segments[uint64(last)].Digest}}
	}
	policy, bound, ships := s.References[:1], s.References[1:2], s.References[2:3]
	ruling := func(window int, spans ...[]ledger.Reference) (ledger.TaskStatement, ledger.Ruling) {
		one := s
		one.Window, one.References = uint32(window), slices.Concat(policy, bound, ships, slices.Concat(spans...))
		if late {
			one.References = slices.Concat(policy, ships, slices.Concat(spans...), bound)
		}
		return one, judge(t, r, one)
	}
	last := segments - 1 // each segment closes a window, and a binding that comes late another
	if late {
		last++
	}
	without, base := ruling(last, span(0, n-1), span(n+1, segments))
	without.Inputs = base.Inputs
	if err := ledger.CheckTask(without); err != nil || base.Fault != "" {
		t.Fatal(err, base.Fault)
	}
	if _, claimed := ruling(last, span(0, n-1), span(n, n), span(n+1, segments)); claimed.Fault != "" && !claimed.Blame || claimed.Inputs == base.Inputs {
		t.Errorf("%d segments of %d readings, without number %d of %d, late %t: %+v", segments, readings, n, long, late, claimed)
	}
	if _, all := ruling(last+1, span(0, n-1), span(n, n), span(n+1, segments)); all.Fault != "" {
		t.Errorf("%d segments of %d readings, without number %d of %d, late %t: something is dropped: %s", segments, readings, n, long, late, all.Fault)
	}
}

// A list that tells of a journey that ended and of the next one is of neither, whatever window is counted from which on.
func TestAListOfTwoJourneysIsAFault(t *testing.T) {
	r, s := shipment(t, 1, 20, 1)
	event := func(minutes int, fields map[string]any) ledger.Reference {
		return r.event(t, start.Add(time.Duration(minutes)*time.Minute), fields)
	}
	step := func(minutes int, name string) ledger.Reference {
		return event(minutes, map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{pallet}, "bizStep": name})
	}
	bind := func(minutes int) ledger.Reference {
		return event(minutes, map[string]any{"type": "AssociationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{logger}})
	}
	one := append(slices.Clone(s.References), step(60, "receiving"))
	s.References, s.Window = one, 1
	if ruling := judge(t, r, s); ruling.Fault != "" {
		t.Fatal(ruling.Fault)
	}
	again := []ledger.Reference{step(120, "shipping"), bind(121)} // which closes a window
	s.References, s.Window = slices.Concat(one, again), 2
	if ruling := judge(t, r, s); !strings.Contains(ruling.Fault, "more journeys") || !ruling.Blame || ruling.Opened != 1 {
		t.Errorf("%+v", ruling)
	}
	s.References, s.Begins = append(slices.Clone(s.References[:1]), again...), 2
	if ruling := judge(t, r, s); ruling.Fault != "" {
		t.Errorf("%+v", ruling)
	}
}

func TestModelsAreParsedOnceAndHeldToTheirDigest(t *testing.T) {
	shipped, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	var models referee.Models
	var first *score.Model
	for range 3 {
		m, err := models.Get(shipped.Digest(), shipped.Bytes())
		if err != nil || m.Name() != shipped.Name() {
			t.Fatal(err)
		}
		if first == nil {
			first = m
		}
		if m != first {
			t.Error("parsed again")
		}
	}
	if _, err = models.Get(ledger.Digest{1}, shipped.Bytes()); !errors.Is(err, ledger.ErrArtefact) {
		t.Error(err)
	}
	if _, err = models.Get(shipped.Digest(), shipped.Bytes()[1:]); !errors.Is(err, ledger.ErrArtefact) {
		t.Error("what is kept is given for an artefact that is damaged:", err)
	}
	text := []byte(strings.Repeat("x", 9))
	if _, err = models.Get(sha256.Sum256(text), text); !errors.Is(err, ledger.ErrArtefact) {
		t.Error(err)
	}
}

// BenchmarkJudge re-executes the most that a task may refer to, as few long segments, as many short ones that each
// make a judgement due, and with all channels.
func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct{ segments, readings, channels int }{
		{20, ledger.MaxTaskReadings / 20, 1},
		{20, ledger.MaxTaskReadings / 20, 5},
		{ledger.MaxTaskSegments, ledger.MaxTaskReadings / ledger.MaxTaskSegments, 1},
		{ledger.MaxTaskSegments, ledger.MaxTaskReadings / ledger.MaxTaskSegments, 5},
		{10, 1_000, 1},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d", c.segments, c.readings, c.channels), func(b *testing.B) {
			r, s := shipment(b, c.segments, c.readings, c.channels)
			if ruling := judge(b, r, s); ruling.Fault != "" {
				b.Fatal(ruling.Fault)
			}
			for b.Loop() {
				judge(b, r, s)
			}
		})
	}
}
