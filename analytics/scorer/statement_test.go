package scorer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// failer is what testing.T and rapid.T share.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// records is what transactions recorded, as the chaincode finds it again.
type records struct {
	events   map[ledger.Digest]wire.RecordedEvent
	segments map[string]wire.RecordedSegment
	policies map[string]ledger.Policy
}

func newRecords() *records {
	return &records{map[ledger.Digest]wire.RecordedEvent{}, map[string]wire.RecordedSegment{}, map[string]ledger.Policy{}}
}

func (r *records) record(tx wire.Transaction) {
	for _, e := range tx.Events {
		if _, ok := r.events[e.Hash]; !ok {
			r.events[e.Hash] = e
		}
	}
	for _, s := range tx.Segments {
		r.segments[fmt.Sprint(s.Segment.Device, s.Segment.Seq)] = s
	}
	for _, p := range tx.Policies {
		r.policies[fmt.Sprint(p.ID, p.Version)] = p
	}
}

func (r *records) RecordedEvent(hash ledger.Digest) (wire.RecordedEvent, error) {
	e, ok := r.events[hash]
	if !ok {
		return e, fmt.Errorf("%w: event %s", ledger.ErrUnknown, hash)
	}
	return e, nil
}

func (r *records) RecordedSegment(device string, seq uint64) (wire.RecordedSegment, error) {
	s, ok := r.segments[fmt.Sprint(device, seq)]
	if !ok {
		return s, fmt.Errorf("%w: segment %d of %s", ledger.ErrUnknown, seq, device)
	}
	return s, nil
}

func (r *records) RecordedPolicy(id string, version uint32) (ledger.Policy, error) {
	p, ok := r.policies[fmt.Sprint(id, version)]
	if !ok {
		return p, fmt.Errorf("%w: policy %s/%d", ledger.ErrUnknown, id, version)
	}
	return p, nil
}

// replayed holds that the referee gives the verdict of a task, bit for bit.
func (r *records) replayed(t failer, m *score.Model, due scorer.Due) {
	t.Helper()
	ruling, err := referee.Judge(m, *due.Statement, r)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := wire.VerdictDigest(due.Verdict)
	if err != nil {
		t.Fatal(err)
	}
	if ruling.Fault != "" || ruling.Inputs != due.Statement.Inputs || ruling.Verdict.Trace != due.Verdict.Trace || ruling.Answer != ledger.AnswerOf(due.Verdict, digest) {
		t.Fatalf("window %d of %s is judged otherwise: %q\n%+v\n%+v\n%s", due.Verdict.Window, due.Verdict.Shipment, ruling.Fault, ruling.Verdict, due.Verdict, r.text(due.Statement.References))
	}
}

// text says what references name, for whoever looks for a fault.
func (r *records) text(references []ledger.Reference) string {
	var b strings.Builder
	for _, ref := range references {
		switch ref.Kind {
		case ledger.RefEvent, ledger.RefWithdrawn:
			fmt.Fprintf(&b, "%d %s %s", ref.Kind, ref.Digest.String()[:8], r.events[ref.Digest].Body)
		case ledger.RefPolicy:
			fmt.Fprintf(&b, "policy %+v", r.policies[fmt.Sprint(ref.ID, ref.First)])
		case ledger.RefSegments:
			fmt.Fprintf(&b, "segments %d to %d of %s", ref.First, ref.Last, ref.ID)
		case ledger.RefElsewhere:
			fmt.Fprintf(&b, "%s elsewhere %d with %s %s", ref.ID, ref.First, ref.Digest.String()[:8], r.events[ref.Digest].Body)
		case ledger.RefFinding, ledger.RefClosed:
			fmt.Fprintf(&b, "%d finding on %s, event %s", ref.Kind, ref.Finding.Item, ref.Finding.Event.String()[:8])
		}
		fmt.Fprintf(&b, " %v\n", ref.Containers)
	}
	return b.String()
}

func TestEveryVerdictOfADayCanBeReplayed(t *testing.T) {
	m := model(t)
	for _, seed := range []uint64{3, 4} {
		day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC), Shipments: 30})
		if err != nil {
			t.Fatal(err)
		}
		r, d, plain, book := evaluate.NewRehearsal(), scorer.NewTaskDocket(m, feature.DefaultLimits()), scorer.NewDocket(m, feature.DefaultLimits()), newRecords()
		due, references := 0, 0
		for i, a := range day.Actions {
			tx, err := r.Record(a)
			if err != nil {
				t.Fatal(err)
			}
			book.record(tx)
			verdicts := plain.Apply(uint64(i), tx)
			for k, v := range d.Judge(uint64(i), tx) {
				one, _ := wire.VerdictDigest(v.Verdict)
				if two, err := wire.VerdictDigest(verdicts[k]); err != nil || one != two {
					t.Fatal("keeping references changes a verdict")
				}
				if v.Statement == nil {
					t.Fatalf("window %d of %s is no task: %s", v.Verdict.Window, v.Verdict.Shipment, v.Why)
				}
				due++
				references += len(v.Statement.References)
				book.replayed(t, m, v)
			}
		}
		t.Logf("all of %d verdicts of %d actions are tasks, of %d references in the mean", due, len(day.Actions), references/due)
	}
}

func TestEveryVerdictOfARecallCanBeReplayed(t *testing.T) {
	m := model(t)
	story, err := simulate.NewRecall(simulate.Config{Seed: 1, Now: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r, d, book := evaluate.NewRehearsal(), scorer.NewTaskDocket(m, feature.DefaultLimits()), newRecords()
	due := 0
	for i, a := range story.Actions {
		tx, err := r.Record(a)
		if err != nil {
			t.Fatal(err)
		}
		book.record(tx)
		for _, v := range d.Judge(uint64(i), tx) {
			if v.Statement == nil {
				t.Fatalf("window %d of %s is no task: %s", v.Verdict.Window, v.Verdict.Shipment, v.Why)
			}
			due++
			book.replayed(t, m, v)
		}
	}
	t.Logf("all of %d verdicts of %d actions are tasks", due, len(story.Actions))
	if due == 0 {
		t.Error("nothing is judged")
	}
}

func canonical(t failer, s string) string {
	t.Helper()
	c, err := epcis.CanonicalEPC(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// history draws what a ledger records of a few things: any of it in any order, at any time of two days.
type history struct {
	*rapid.T
	boxes, goods, loggers []string // URNs
	tidy                  bool     // no box is put into a smaller one
	clock                 map[string]ledger.Millis
	seq                   map[string]uint64
	versions              map[string]uint32
	events                []wire.RecordedEvent
	findings              []ledger.Finding
	serial                int
}

const dayStart = ledger.Millis(1_772_323_200_000)

func newHistory(t *rapid.T) *history {
	h := &history{T: t, clock: map[string]ledger.Millis{}, seq: map[string]uint64{}, versions: map[string]uint32{}, tidy: rapid.Bool().Draw(t, "tidy")}
	for i := range 4 {
		h.boxes = append(h.boxes, fmt.Sprintf("urn:epc:id:sscc:9520001.300000000%d", i))
	}
	for i := range rapid.SampledFrom([]int{2, 4, 9}).Draw(t, "loggers") {
		h.loggers = append(h.loggers, fmt.Sprintf("urn:epc:id:giai:9520002.L%d", i))
	}
	h.boxes = append(h.boxes, "urn:epc:id:grai:9520001.00051.1")
	for i := range 6 {
		h.goods = append(h.goods, fmt.Sprintf("urn:epc:id:sgtin:9520001.00010%d.%d", i%3, i))
	}
	return h
}

func (h *history) of(list []string) string { return rapid.SampledFrom(list).Draw(h.T, "which") }

func (h *history) at() ledger.Millis {
	return dayStart + ledger.Millis(rapid.IntRange(0, 96).Draw(h.T, "at"))*1_800_000
}

func (h *history) event(fields map[string]any) wire.RecordedEvent {
	h.serial++
	fields["eventTime"] = h.at().Time().Format("2006-01-02T15:04:05.000Z")
	fields["eventTimeZoneOffset"] = "+00:00"
	fields["example:n"] = h.serial // no event is recorded twice
	fields["@context"] = map[string]any{"example": "https://example.com/"}
	body, err := json.Marshal(fields)
	if err != nil {
		h.Fatal(err)
	}
	e, err := epcis.ParseEvent(nil, body)
	if err != nil {
		h.Fatalf("%s: %v", body, err)
	}
	r := wire.RecordedEvent{Hash: ledger.Digest(e.Hash()), Body: body, Record: ledger.EventRecord{TxID: fmt.Sprint(h.serial)}}
	h.events = append(h.events, r)
	return r
}

// some draws a few of a list, without repetition.
func (h *history) some(list []string, most int) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(list), 1, most, rapid.ID).Draw(h.T, "some")
}

// into draws a box, and what may be put into it beside goods.
func (h *history) into() (box string, content []string) {
	if !h.tidy {
		return h.of(h.boxes), slices.Concat(h.goods, h.boxes)
	}
	i := rapid.IntRange(0, len(h.boxes)-1).Draw(h.T, "box")
	return h.boxes[i], slices.Concat(h.goods, h.boxes[:i], h.boxes[:i])
}

// record draws one thing and adds it to a transaction.
func (h *history) record(tx *wire.Transaction) {
	places := []string{"urn:epc:id:sgln:9520003.00001.0", "urn:epc:id:sgln:9520003.00002.0"}
	switch rapid.SampledFrom([]string{
		"associate", "associate", "associate", "dissociate", "pack", "pack", "pack", "unpack", "ship", "ship", "receive", "step", "segment", "segment", "segment", "segment", "segment",
		"policy", "finding", "finding", "close", "withdraw", "measure",
	}).Draw(h.T, "what") {
	case "associate":
		children := h.some(h.loggers, 2)
		box, content := h.into()
		if rapid.IntRange(0, 5).Draw(h.T, "more") == 0 {
			children = append(h.some(content, 2), children...)
		}
		tx.Events = append(tx.Events, h.event(map[string]any{"type": "AssociationEvent", "parentID": box, "childEPCs": children, "action": "ADD", "bizStep": "installing"}))
	case "dissociate":
		fields := map[string]any{"type": "AssociationEvent", "parentID": h.of(h.boxes), "action": "DELETE", "bizStep": "removing", "bizLocation": map[string]any{"id": h.of(places)}}
		if rapid.Bool().Draw(h.T, "named") {
			fields["childEPCs"] = h.some(h.loggers, 2)
		}
		tx.Events = append(tx.Events, h.event(fields))
	case "pack":
		box, content := h.into()
		fields := map[string]any{"type": "AggregationEvent", "parentID": box, "action": "ADD", "bizStep": "packing", "childEPCs": h.some(content, 3)}
		h.measured(fields, 8)
		tx.Events = append(tx.Events, h.event(fields))
	case "unpack":
		fields := map[string]any{"type": "AggregationEvent", "parentID": h.of(h.boxes), "action": "DELETE", "bizStep": rapid.SampledFrom([]string{"unpacking", "storing"}).Draw(h.T, "step")}
		if rapid.Bool().Draw(h.T, "named") {
			fields["childEPCs"] = h.some(slices.Concat(h.goods, h.boxes), 3)
		}
		tx.Events = append(tx.Events, h.event(fields))
	case "ship":
		tx.Events = append(tx.Events, h.event(map[string]any{
			"type": "ObjectEvent", "epcList": h.some(h.boxes, 2), "action": "OBSERVE", "bizStep": "shipping",
			"destinationList": []any{map[string]any{"type": "location", "destination": h.of(places)}},
		}))
	case "receive":
		tx.Events = append(tx.Events, h.event(map[string]any{
			"type": "ObjectEvent", "epcList": h.some(h.boxes, 2), "action": "OBSERVE", "bizLocation": map[string]any{"id": h.of(places)},
			"bizStep": rapid.SampledFrom([]string{"receiving", "accepting", "destroying"}).Draw(h.T, "step"),
		}))
	case "step":
		tx.Events = append(tx.Events, h.event(map[string]any{"type": "ObjectEvent", "epcList": h.some(h.boxes, 3), "action": "OBSERVE", "bizStep": "departing"}))
	case "measure":
		fields := map[string]any{"type": "ObjectEvent", "epcList": h.some(slices.Concat(h.goods, h.boxes), 2), "action": "OBSERVE", "bizStep": "inspecting"}
		h.measured(fields, 1)
		tx.Events = append(tx.Events, h.event(fields))
	case "segment":
		device := h.of(h.loggers)
		from := max(h.clock[device], dayStart) + ledger.Millis(rapid.IntRange(0, 8).Draw(h.T, "pause"))*900_000
		s := ledger.Segment{Device: canonical(h, device), Seq: h.seq[device], Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
		for k := range rapid.IntRange(1, 24).Draw(h.T, "readings") {
			s.Times = append(s.Times, from+ledger.Millis(k)*900_000)
			s.Channels[0].Values = append(s.Channels[0].Values, int32(5_000+37*k+1_000*int(h.seq[device]%7)))
		}
		h.clock[device] = s.Times[len(s.Times)-1] + 1
		h.seq[device]++
		digest := ledger.Digest{1, byte(len(device)), device[len(device)-1], byte(s.Seq >> 8), byte(s.Seq)}
		tx.Segments = append(tx.Segments, wire.RecordedSegment{Segment: s, Digest: digest})
	case "policy":
		id := rapid.SampledFrom([]string{"p", "q", "r"}).Draw(h.T, "policy")
		h.versions[id]++
		classes := []string{"*"}
		for i := range 3 {
			c := canonical(h, fmt.Sprintf("urn:epc:id:sgtin:9520001.00010%d.1", i))
			classes = append(classes, c[:len("https://id.gs1.org/01/")+14])
		}
		tx.Policies = append(tx.Policies, ledger.Policy{
			ID: id, Version: h.versions[id], Products: h.some(classes, 3), Low: 2_000, High: 2_000 + 1_000*int32(rapid.IntRange(2, 9).Draw(h.T, "high")),
			ExcursionHigh: 15_000, ExcursionFor: 3_600_000, Grace: 600_000, WindowAtLeast: ledger.Millis(rapid.SampledFrom([]int64{0, 3_600_000}).Draw(h.T, "window")),
		})
	case "finding":
		if len(h.events) == 0 {
			return
		}
		item := canonical(h, h.of(slices.Concat(h.goods, h.boxes)))
		h.within(tx, item)
		f := ledger.Finding{Code: ledger.FindingCommissionedTwice, Item: item, Event: rapid.SampledFrom(h.events).Draw(h.T, "event").Hash, Detail: "x", RaisedIn: fmt.Sprint(h.serial), RaisedAt: dayStart}
		h.findings = append(h.findings, f)
		tx.Findings = append(tx.Findings, f)
	case "close":
		if len(h.findings) == 0 {
			return
		}
		f := rapid.SampledFrom(h.findings).Draw(h.T, "finding")
		h.within(tx, f.Item)
		f.Change, f.ClosedIn, f.ClosedAt = ledger.FindingClosed, fmt.Sprint(h.serial), dayStart+1
		tx.Changes = append(tx.Changes, f)
	case "withdraw":
		if len(h.events) == 0 {
			return
		}
		e := rapid.SampledFrom(h.events).Draw(h.T, "event")
		tx.Restatements, tx.Withdrawn = append(tx.Restatements, e), append(tx.Withdrawn, e.Hash)
	}
}

// measured lets one event of so many hold readings.
func (h *history) measured(fields map[string]any, of int) {
	if rapid.IntRange(1, of).Draw(h.T, "measured") > 1 {
		return
	}
	fields["sensorElementList"] = []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature", "value": 7, "uom": "CEL"}}}}
}

// within says in which container an item is, if in any.
func (h *history) within(tx *wire.Transaction, item string) {
	if rapid.Bool().Draw(h.T, "within") {
		tx.Items = append(tx.Items, ledger.ItemState{EPC: item, Container: canonical(h, h.of(h.boxes))})
	}
}

func drawLimits(t *rapid.T) feature.Limits {
	l := feature.DefaultLimits()
	l.Linger = rapid.Uint64Range(2, 40).Draw(t, "linger")
	if rapid.IntRange(0, 3).Draw(t, "narrow") == 0 {
		l.Shipments, l.Containers, l.Devices = rapid.IntRange(1, 5).Draw(t, "shipments"), rapid.IntRange(2, 5).Draw(t, "containers"), rapid.IntRange(2, 4).Draw(t, "devices")
		l.EarlyReadings, l.Suspects = rapid.IntRange(5, 60).Draw(t, "early"), rapid.IntRange(1, 3).Draw(t, "suspects")
	}
	return l
}

func TestWhateverIsRecordedATaskIsReplayedToTheSameVerdict(t *testing.T) {
	m := model(t)
	tasks, none := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		limits := drawLimits(t)
		// Where no journey is forgotten for its age, it does not matter how transactions lie in blocks.
		apart := rapid.Bool().Draw(t, "apart")
		if apart {
			limits.Linger = 10_000
		}
		h, book := newHistory(t), newRecords()
		d, plain, other := scorer.NewTaskDocket(m, limits), scorer.NewDocket(m, limits), scorer.NewTaskDocket(m, limits)
		block := uint64(0)
		for n := range rapid.IntRange(5, 60).Draw(t, "transactions") {
			var tx wire.Transaction
			for range rapid.IntRange(1, 4).Draw(t, "parts") {
				h.record(&tx)
			}
			block += uint64(rapid.IntRange(0, 3).Draw(t, "blocks"))
			place := block
			if apart {
				place = uint64(n)
			}
			book.record(tx)
			verdicts, dues, others := plain.Apply(block, tx), d.Judge(block, tx), other.Judge(place, tx)
			if len(verdicts) != len(dues) || len(others) != len(dues) {
				t.Fatalf("%d verdicts, %d and %d are due", len(verdicts), len(dues), len(others))
			}
			for i, due := range dues {
				if one, two := must(wire.VerdictDigest(due.Verdict)), must(wire.VerdictDigest(verdicts[i])); one != two {
					t.Fatal("keeping references changes a verdict")
				}
				if due.Why != others[i].Why || (due.Statement == nil) != (due.Why != "") {
					t.Fatalf("%q and %q", due.Why, others[i].Why)
				}
				if due.Statement == nil {
					none[due.Why]++
					continue
				}
				tasks++
				if must(wire.TaskDigest(*due.Statement)) != must(wire.TaskDigest(*others[i].Statement)) {
					t.Fatalf("who reads blocks otherwise or starts again has another task:\n%s\n%s", book.text(due.Statement.References), book.text(others[i].Statement.References))
				}
				book.replayed(t, m, due)
				book.needed(t, m, *due.Statement, rapid.IntRange(0, 1_000).Draw(t, "omitted"))
			}
			switch rapid.IntRange(0, 9).Draw(t, "restart") {
			case 0:
				d = restarted(t, m, d, limits)
			case 1, 2: // saved, and not restarted
				must(d.MarshalBinary())
			}
		}
	})
	t.Logf("%d tasks; no task since:", tasks)
	for _, why := range slices.Sorted(maps.Keys(none)) {
		t.Logf("%6d %s", none[why], why)
	}
}

// needed holds that a list without one of its references is seen to be another: the engine sees other inputs, or none.
// What may be missing unseen is what says of goods and their policies nothing that decides: contents of no policy, a
// policy that is not the strictest, a finding that was closed before the journey began. And a binding brings all segments
// that waited for it, of which the first may close the window.
func (r *records) needed(t failer, m *score.Model, s ledger.TaskStatement, which int) {
	t.Helper()
	which %= len(s.References)
	ref, last := s.References[which], s.References[len(s.References)-1]
	if ref.Kind == ledger.RefSegments && last.Kind != ledger.RefSegments {
		return
	}
	switch ref.Kind {
	case ledger.RefPolicy, ledger.RefFinding, ledger.RefClosed, ledger.RefElsewhere:
		return
	case ledger.RefEvent:
		if e := must(epcis.ParseEvent(nil, r.events[ref.Digest].Body)); e.Type != epcis.ObjectEvent {
			return
		}
	case ledger.RefSegments, ledger.RefWithdrawn:
	}
	references := slices.Delete(slices.Clone(s.References), which, which+1)
	if ref.Kind == ledger.RefSegments && ref.First < ref.Last {
		ref.Last--
		references = slices.Insert(references, which, ref)
	}
	full := s.References
	s.References = references
	ruling := must(referee.Judge(m, s, r))
	if ruling.Fault == "" && ruling.Inputs == s.Inputs {
		t.Fatalf("without reference %d nothing is different:\n%s", which, r.text(full))
	}
}

func restarted(t failer, m *score.Model, d *scorer.Docket, limits feature.Limits) *scorer.Docket {
	t.Helper()
	saved, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	fresh := scorer.NewTaskDocket(m, limits)
	if err = fresh.UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	if again := must(fresh.MarshalBinary()); !bytes.Equal(saved, again) {
		t.Fatal("the docket saved what it no longer is")
	}
	return fresh
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// BenchmarkReferences measures what keeping references adds to judging: of a day by its things recorded, and in memory
// and checkpoint by shipments, all of which linger.
func BenchmarkReferences(b *testing.B) {
	m := model(b)
	const shipments = 300
	day, err := simulate.New(simulate.Config{Seed: 5, Now: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC), Shipments: shipments, Items: 4})
	if err != nil {
		b.Fatal(err)
	}
	r := evaluate.NewRehearsal()
	var txs []wire.Transaction
	for _, a := range day.Actions {
		txs = append(txs, must(r.Record(a)))
	}
	for name, start := range map[string]func(*score.Model, feature.Limits) *scorer.Docket{"without": scorer.NewDocket, "with": scorer.NewTaskDocket} {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var d *scorer.Docket
			for b.Loop() {
				d = start(m, feature.DefaultLimits())
				for i, tx := range txs {
					d.Judge(uint64(i), tx)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(txs)), "ns/tx")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/shipments, "B/shipment")
			begun := time.Now()
			saved := must(d.MarshalBinary())
			b.ReportMetric(float64(time.Since(begun).Microseconds())/shipments, "µs-saved/shipment")
			b.ReportMetric(float64(len(saved))/shipments, "B-saved/shipment")
			runtime.KeepAlive(d)
		})
	}
}
