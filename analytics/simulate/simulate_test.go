package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

var now = time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)

func mustDay(t testing.TB, cfg Config) *Day {
	t.Helper()
	cfg.Now = now
	day, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return day
}

func fingerprint(t testing.TB, day *Day) string {
	t.Helper()
	h := sha256.New()
	for _, a := range day.Actions {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(text)
	}
	text, err := json.Marshal(day.Truth)
	if err != nil {
		t.Fatal(err)
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

func TestTheSameSeedGivesTheSameDay(t *testing.T) {
	a, b := mustDay(t, Config{Seed: 1}), mustDay(t, Config{Seed: 1})
	if fingerprint(t, a) != fingerprint(t, b) {
		t.Error("two days of one seed differ")
	}
	if fingerprint(t, a) == fingerprint(t, mustDay(t, Config{Seed: 2})) {
		t.Error("two seeds give one day")
	}
}

// ids gathers everything by which a ledger knows what a day records, and may know it only once.
func ids(t testing.TB, cfg Config) map[string]bool {
	t.Helper()
	day, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, d := range day.Devices {
		out[d.ID] = true
		out[hex.EncodeToString(d.PublicKey)] = true
	}
	for _, truth := range day.Truth {
		out[truth.Shipment] = true
	}
	for _, a := range day.Actions {
		if a.Kind != KindEvent {
			continue
		}
		var e event
		if err := json.Unmarshal(a.Event.Body, &e); err != nil {
			t.Fatal(err)
		}
		out[e.EventID] = true
		for _, id := range append(append([]string{e.ParentID}, e.EPCs...), e.ChildEPCs...) {
			if id != "" {
				out[id] = true
			}
		}
		for _, d := range e.Documents {
			out[d.ID] = true
		}
		parsed, err := epcis.ParseEvent(a.Event.Context, a.Event.Body)
		if err != nil {
			t.Fatal(err)
		}
		out[parsed.Hash().String()] = true
	}
	return out
}

func TestDaysOfOtherTimesAndSeedsShareNoID(t *testing.T) {
	runs := []Config{
		{Seed: 1, Now: now},
		{Seed: 1, Now: now.Add(time.Second)},
		{Seed: 1, Now: now.Add(24 * time.Hour)},
		{Seed: 1, Now: now.Add(time.Hour), Shipments: 1},
		{Seed: 2, Now: now, Shipments: 60},
	}
	of := map[string]int{}
	for run, cfg := range runs {
		for id := range ids(t, cfg) {
			if other, ok := of[id]; ok {
				t.Errorf("runs %d and %d share %s", other, run, id)
			}
			of[id] = run
		}
	}
}

func TestADayAtAnotherTimeHoldsTheSameReadings(t *testing.T) {
	values := func(at time.Time) (out []int32) {
		day, err := New(Config{Seed: 9, Now: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range day.Actions {
			if a.Kind == KindSegment {
				out = append(out, a.Segment.Readings.Channels[0].Values...)
			}
		}
		return out
	}
	if !slices.Equal(values(now), values(now.Add(36*time.Hour))) {
		t.Error("the time changes what the loggers read, not only when")
	}
}

func TestADayIsOrderedValidAndPast(t *testing.T) {
	day := mustDay(t, Config{Seed: 7, Shipments: 40})
	devices := map[string]ledger.Device{}
	for _, d := range day.Devices {
		devices[d.ID] = d
	}
	next := map[string]uint64{}
	previous := map[string]ledger.Digest{}
	last := map[string]ledger.Millis{}
	hashes := map[epcis.Hash]bool{}
	var at time.Time
	for _, a := range day.Actions {
		if a.At.Before(at) {
			t.Fatalf("%s after %s", a.At, at)
		}
		at = a.At
		if !a.At.Before(now) {
			t.Fatalf("an action at %s, now is %s", a.At, now)
		}
		switch a.Kind {
		case KindEvent:
			e, err := epcis.ParseEvent(a.Event.Context, a.Event.Body)
			if err != nil {
				t.Fatalf("%s: %v", a.Event.Body, err)
			}
			if hashes[e.Hash()] {
				t.Fatalf("event twice: %s", a.Event.Body)
			}
			hashes[e.Hash()] = true
		case KindSegment:
			s, err := wire.DecodeSegment(a.Segment.Signed.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := devices[s.Device].Verify(a.Segment.Signed.Payload, a.Segment.Signed.Signature); err != nil {
				t.Fatal(err)
			}
			if s.Seq != next[s.Device] || s.Previous != previous[s.Device] || s.Times[0] <= last[s.Device] {
				t.Fatalf("segment %d of %s does not continue its chain", s.Seq, s.Device)
			}
			next[s.Device]++
			previous[s.Device] = wire.SegmentDigest(a.Segment.Signed.Payload)
			last[s.Device] = s.Times[len(s.Times)-1]
			if !last[s.Device].Time().Before(a.At) {
				t.Fatal("a segment is sent before its last reading")
			}
		case KindPolicy, KindDevice:
		}
	}
	if len(day.Truth) != 40 {
		t.Errorf("%d truths", len(day.Truth))
	}
	for i, f := range Faults() {
		if day.Truth[i].Fault != f || day.Truth[i].AtLeast == ledger.Clear || len(day.Truth[i].Reasons) == 0 {
			t.Errorf("truth %d: %+v", i, day.Truth[i])
		}
	}
}

func TestCleanShipmentsStayInsideTheirPolicies(t *testing.T) {
	day := mustDay(t, Config{Seed: 3, Shipments: 60, Faults: []Fault{}})
	policies := map[string]ledger.Policy{}
	for _, p := range day.Policies {
		policies[p.ID] = p
	}
	policyOf := map[string]ledger.Policy{}
	for _, truth := range day.Truth {
		policyOf[truth.Shipment] = policies[truth.Policy]
	}
	for _, a := range day.Actions {
		if a.Kind != KindSegment {
			continue
		}
		p := policyOf[a.Shipment]
		for _, v := range a.Segment.Readings.Channels[0].Values {
			if v < p.ExcursionLow || v > p.ExcursionHigh {
				t.Fatalf("%s: %d", p.ID, v)
			}
		}
	}
}

func TestImpossibleConfigurationsAreRefused(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Now: now, Shipments: -1},
		{Now: now, Shipments: MaxShipments + 1},
		{Now: now, Shipments: 2, Faults: []Fault{FaultDrift, FaultDrift, FaultDrift}},
		{Now: now, Faults: []Fault{"gremlins"}},
		{Now: now, Sampling: time.Millisecond},
		{Now: now, SegmentReadings: 5000},
		{Now: now, Items: 1001},
		{Now: now, Journey: time.Hour},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestLoadIsUniqueValidAndOfTheRightSize(t *testing.T) {
	hashes := map[epcis.Hash]bool{}
	for i, entry := range LoadEvents(5, now, 300) {
		e, err := epcis.ParseEvent(entry.Context, entry.Body)
		if err != nil {
			t.Fatal(err)
		}
		if hashes[e.Hash()] {
			t.Fatalf("event %d twice", i)
		}
		hashes[e.Hash()] = true
		if len(entry.Body) < 900 || len(entry.Body) > 1100 {
			t.Fatalf("%d bytes", len(entry.Body))
		}
	}
	fleet, err := NewFleet(FleetConfig{Seed: 5, Now: now, Devices: 7, Readings: 500, SegmentReadings: 120})
	if err != nil {
		t.Fatal(err)
	}
	devices := map[string]ledger.Device{}
	for _, d := range fleet.Devices {
		devices[d.ID] = d
	}
	readings, seqs := 0, map[string]uint64{}
	for s, err := range fleet.Segments() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Readings.Seq != seqs[s.Readings.Device] {
			t.Fatal("out of order")
		}
		seqs[s.Readings.Device]++
		readings += len(s.Readings.Times)
		if err := devices[s.Readings.Device].Verify(s.Signed.Payload, s.Signed.Signature); err != nil {
			t.Fatal(err)
		}
		if s.Readings.Times[len(s.Readings.Times)-1] >= ledger.MillisOf(now) {
			t.Fatal("a reading from the future")
		}
	}
	if readings != 7*500 {
		t.Errorf("%d readings", readings)
	}
	for _, entry := range fleet.Bindings {
		if e, err := epcis.ParseEvent(entry.Context, entry.Body); err != nil || !bytes.Contains(entry.Body, []byte("AssociationEvent")) || e == nil {
			t.Fatal(err)
		}
	}
}
