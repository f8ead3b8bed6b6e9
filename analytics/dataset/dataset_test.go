package dataset_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/dataset/datasettest"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/analytics/train"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func built(t *testing.T, c datasettest.Chain, of dataset.Selection, histories bool) *dataset.Result {
	t.Helper()
	r, err := dataset.Build(t.Context(), c, of, histories)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func query(t *testing.T, terms ...string) dataset.Query {
	t.Helper()
	q, err := dataset.NewQuery(terms)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestWhoHasTheLedgerMakesTheSameSnapshot(t *testing.T) {
	c := datasettest.Played(t, datasettest.OneLane(6))
	whole := dataset.Selection{To: c.Height()}
	a, b := built(t, c, whole, false), built(t, datasettest.Played(t, datasettest.OneLane(6)), whole, true)
	if a.Snapshot != b.Snapshot || len(dataset.Differences(a.Snapshot, b.Snapshot)) != 0 {
		t.Errorf("%+v\n%+v", a.Snapshot, b.Snapshot)
	}
	if a.Snapshot.Events == 0 || a.Snapshot.Segments == 0 || a.Snapshot.Block != c[len(c)-1].Hash || a.Leaves <= a.Snapshot.Events+a.Snapshot.Segments-1 {
		t.Errorf("%+v of %d leaves", a.Snapshot, a.Leaves)
	}
	d := a.Snapshot
	d.ID, d.Version, d.Licence = "x", 1, "CC0-1.0"
	if err := ledger.CheckDataset(d); err != nil {
		t.Error(err)
	}
}

func TestARangeHoldsItsBlocksOnly(t *testing.T) {
	c := datasettest.Played(t, datasettest.OneLane(6))
	half := c.Height() / 2
	first, second := built(t, c, dataset.Selection{To: half}, true), built(t, c, dataset.Selection{From: half, To: c.Height()}, true)
	whole := built(t, c, dataset.Selection{To: c.Height()}, true)
	if first.Snapshot.Events+second.Snapshot.Events != whole.Snapshot.Events || first.Snapshot.Segments+second.Snapshot.Segments != whole.Snapshot.Segments ||
		first.Snapshot.Bytes+second.Snapshot.Bytes != whole.Snapshot.Bytes || first.Leaves+second.Leaves != whole.Leaves {
		t.Errorf("%+v, %+v, %+v", first.Snapshot, second.Snapshot, whole.Snapshot)
	}
	if len(first.Journeys) == 0 || len(second.Journeys) == 0 || len(first.Journeys)+len(second.Journeys) != len(whole.Journeys) || len(whole.Journeys) != 6 {
		t.Errorf("%d, %d of %d journeys", len(first.Journeys), len(second.Journeys), len(whole.Journeys))
	}
	if merged := dataset.Merge([]*dataset.Result{whole, first, second}, ledger.Inspect); len(merged) != 6 {
		t.Errorf("%d journeys, once each", len(merged))
	}
	if _, err := dataset.Build(t.Context(), c, dataset.Selection{To: c.Height() + 1}, false); err == nil {
		t.Error("a range beyond the ledger")
	}
	if _, err := dataset.Build(t.Context(), c, dataset.Selection{From: 3, To: 3}, false); !errors.Is(err, dataset.ErrRange) {
		t.Error(err)
	}
	if _, err := dataset.Build(t.Context(), c, dataset.Selection{To: 1}, false); !errors.Is(err, dataset.ErrRange) {
		t.Errorf("nothing in it: %v", err)
	}
}

func TestJourneysAreThoseThatTrainingGathers(t *testing.T) {
	c := datasettest.Played(t, datasettest.OneLane(5))
	first := built(t, c, dataset.Selection{To: c.Height()}, true).Journeys[0].Shipment
	c.Add(wire.Transaction{Verdicts: []ledger.Verdict{{Shipment: first, Level: ledger.Inspect}}})
	collector := train.NewCollector(feature.DefaultLimits())
	for _, b := range c {
		for _, tx := range b.Transactions {
			collector.Apply(b.Number, tx)
		}
	}
	want, got := collector.Histories(ledger.Inspect), built(t, c, dataset.Selection{To: c.Height()}, true).Accepted(ledger.Inspect)
	inputs := map[string]int{}
	for _, h := range want {
		inputs[h.Shipment] = len(h.Inputs)
	}
	if len(got) != 4 || len(want) != 4 {
		t.Fatalf("%d and %d histories", len(got), len(want))
	}
	for _, h := range got {
		if inputs[h.Shipment] != len(h.Inputs) {
			t.Errorf("%s has %d inputs, not %d", h.Shipment, len(h.Inputs), inputs[h.Shipment])
		}
	}
}

func TestAQueryChoosesJourneys(t *testing.T) {
	cfg := datasettest.OneLane(8)
	cfg.Products, cfg.Lanes = nil, nil
	c := datasettest.Played(t, cfg)
	all := built(t, c, dataset.Selection{To: c.Height()}, true)
	shipment := all.Journeys[2].Shipment
	one := built(t, c, dataset.Selection{To: c.Height(), Query: query(t, "shipment="+shipment)}, true)
	if len(one.Journeys) != 1 || one.Journeys[0].Shipment != shipment || one.Snapshot.Events == 0 || one.Snapshot.Segments == 0 || one.Snapshot.Segments >= all.Snapshot.Segments {
		t.Errorf("%d journeys, %+v", len(one.Journeys), one.Snapshot)
	}
	device := ""
	for _, in := range one.Journeys[0].Inputs {
		if device == "" {
			device = in.Device
		}
	}
	if by := built(t, c, dataset.Selection{To: c.Height(), Query: query(t, "device="+device)}, true); len(by.Journeys) != 1 || by.Journeys[0].Shipment != shipment {
		t.Errorf("%d journeys of %s", len(by.Journeys), device)
	}
	seen := 0
	policies := map[string]bool{}
	for _, b := range c {
		for _, tx := range b.Transactions {
			for _, p := range tx.Policies {
				policies[p.ID] = true
			}
		}
	}
	for p := range policies {
		seen += len(built(t, c, dataset.Selection{To: c.Height(), Query: query(t, "policy="+p)}, true).Journeys)
	}
	if seen != len(all.Journeys) || len(policies) < 2 {
		t.Errorf("%d of %d journeys by %d policies", seen, len(all.Journeys), len(policies))
	}
	if none, err := dataset.Build(t.Context(), c, dataset.Selection{To: c.Height(), Query: query(t, "policy=unheard-of")}, false); !errors.Is(err, dataset.ErrRange) {
		t.Errorf("%+v %v", none, err)
	}
}

func TestAQueryHasOneSpelling(t *testing.T) {
	q := query(t, "policy=b", "shipment=urn:epc:id:sscc:9521321.0000000001", "policy=a", "policy=a")
	const want = "policy=a policy=b shipment=https://id.gs1.org/00/095213210000000018"
	if q.String() != want {
		t.Error(q.String())
	}
	if again, err := dataset.ParseQuery(want); err != nil || again.String() != want {
		t.Error(again, err)
	}
	for _, bad := range []string{"policy=b policy=a", "policy=a  policy=b", " ", "policy=", "colour=red", "policy", "shipment=urn:epc:id:sscc:9521321.0000000001", "policy=é"} {
		if _, err := dataset.ParseQuery(bad); !errors.Is(err, dataset.ErrQuery) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if q, err := dataset.ParseQuery(""); err != nil || !q.IsZero() {
		t.Error(q, err)
	}
}

// flips gives the chain with one thing changed in one of its records.
func flips(c datasettest.Chain) map[string]datasettest.Chain {
	out := map[string]datasettest.Chain{}
	change := func(name string, has func(wire.Transaction) bool, do func(*wire.Transaction)) {
		for i, b := range c {
			if j := slices.IndexFunc(b.Transactions, has); j >= 0 {
				d := slices.Clone(c)
				d[i].Transactions = slices.Clone(b.Transactions)
				do(&d[i].Transactions[j])
				out[name] = d
				return
			}
		}
	}
	anEvent, aSegment := func(tx wire.Transaction) bool { return len(tx.Events) > 0 }, func(tx wire.Transaction) bool { return len(tx.Segments) > 0 }
	aPolicy := func(tx wire.Transaction) bool { return len(tx.Policies) > 0 }
	change("event body", anEvent, func(tx *wire.Transaction) {
		tx.Events = slices.Clone(tx.Events)
		tx.Events[0].Body = append(bytes.Clone(tx.Events[0].Body), ' ')
	})
	change("who recorded an event", anEvent, func(tx *wire.Transaction) {
		tx.Events = slices.Clone(tx.Events)
		tx.Events[0].Record.MSPID = "Other"
	})
	change("segment payload", aSegment, func(tx *wire.Transaction) {
		tx.Segments = slices.Clone(tx.Segments)
		p := bytes.Clone(tx.Segments[0].Payload)
		p[len(p)/2] ^= 1
		tx.Segments[0].Payload = p
	})
	change("segment signature", aSegment, func(tx *wire.Transaction) {
		tx.Segments = slices.Clone(tx.Segments)
		tx.Segments[0].Signature = slices.Repeat([]byte{2}, 64)
	})
	change("policy", aPolicy, func(tx *wire.Transaction) {
		tx.Policies = slices.Clone(tx.Policies)
		tx.Policies[0].High++
	})
	change("missing segment", aSegment, func(tx *wire.Transaction) { tx.Segments = nil })
	change("a verdict more", aPolicy, func(tx *wire.Transaction) { tx.Verdicts = []ledger.Verdict{{Shipment: "x", Level: ledger.Inspect}} })
	return out
}

func TestAnyOtherRecordGivesAnotherRoot(t *testing.T) {
	c := datasettest.Played(t, datasettest.OneLane(2))
	want := built(t, c, dataset.Selection{To: c.Height()}, false).Snapshot
	all := flips(c)
	if len(all) != 7 {
		t.Fatalf("%d changes", len(all))
	}
	for name, d := range all {
		if got := built(t, d, dataset.Selection{To: c.Height()}, false).Snapshot; got.Root == want.Root {
			t.Errorf("%s: the same root", name)
		}
	}
}

func TestRootIsThatOfRFC6962(t *testing.T) {
	c := datasettest.Played(t, simulate.Config{Now: datasettest.Day(), Shipments: 1, Items: 1, Faults: []simulate.Fault{}})
	leaves, err := dataset.Leaves(t.Context(), c, dataset.Selection{To: c.Height()})
	if err != nil {
		t.Fatal(err)
	}
	hasher := rfc6962.DefaultHasher
	var root func([][]byte) []byte
	root = func(d [][]byte) []byte {
		if len(d) == 1 {
			return hasher.HashLeaf(d[0])
		}
		k := 1
		for 2*k < len(d) {
			k *= 2
		}
		return hasher.HashChildren(root(d[:k]), root(d[k:]))
	}
	r := built(t, c, dataset.Selection{To: c.Height()}, false)
	if want := root(leaves); !bytes.Equal(want, r.Snapshot.Root[:]) || uint64(len(leaves)) != r.Leaves {
		t.Errorf("%x, the definition gives %x of %d leaves", r.Snapshot.Root, want, len(leaves))
	}
}

// What is final decides what a model is fitted to. A single organisation's word decides it where nothing is final and no scoring
// policy was in force, so that no scorer keeps journeys out of training, or bad ones in it, by itself.
func TestFinalVerdictsDecideWhatIsAccepted(t *testing.T) {
	chain := datasettest.Played(t, datasettest.OneLane(12))
	of := func(tx ...wire.Transaction) *dataset.Result {
		c := slices.Clone(chain)
		c.Add(tx...)
		return built(t, c, dataset.Selection{To: c.Height()}, true)
	}
	worst := func(r *dataset.Result) map[string]ledger.VerdictLevel {
		all := map[string]ledger.VerdictLevel{}
		for _, j := range r.Journeys {
			all[j.Shipment] = j.Worst
		}
		return all
	}
	clean := ""
	for shipment, level := range worst(of(wire.Transaction{})) {
		if level < ledger.Inspect {
			clean = shipment
		}
	}
	if clean == "" {
		t.Fatal("no journey is accepted")
	}
	word := func(model string, window uint32, l ledger.VerdictLevel) wire.Transaction {
		return wire.Transaction{Verdicts: []ledger.Verdict{{Shipment: clean, Window: window, Model: model, Level: l}}}
	}
	final := func(model string, window uint32, l ledger.VerdictLevel) wire.Transaction {
		return wire.Transaction{Scoring: wire.ScoringRecords{Finals: []ledger.FinalVerdict{{Shipment: clean, Window: window, Model: model, Answer: ledger.TaskAnswer{Level: l}}}}}
	}
	policy := wire.Transaction{Scoring: wire.ScoringRecords{Policies: []ledger.ScoringPolicy{{Version: 1}}}}
	for what, c := range map[string]struct {
		told []wire.Transaction
		want ledger.VerdictLevel
	}{
		"a word":                                     {[]wire.Transaction{word("m", 90, ledger.Quarantine)}, ledger.Quarantine},
		"a word where a policy is in force":          {[]wire.Transaction{policy, word("m", 90, ledger.Quarantine)}, 0},
		"a word of before the policy":                {[]wire.Transaction{word("m", 90, ledger.Inspect), policy}, ledger.Inspect},
		"a final verdict over a word":                {[]wire.Transaction{word("m", 90, ledger.Quarantine), policy, final("m", 90, ledger.Clear)}, ledger.Clear},
		"a worse final verdict over a word":          {[]wire.Transaction{word("m", 90, ledger.Clear), policy, final("m", 90, ledger.Quarantine)}, ledger.Quarantine},
		"a final verdict of another window":          {[]wire.Transaction{word("m", 90, ledger.Quarantine), policy, final("m", 91, ledger.Clear)}, ledger.Quarantine},
		"a final verdict of another model":           {[]wire.Transaction{word("m", 90, ledger.Quarantine), policy, final("n", 90, ledger.Clear)}, ledger.Quarantine},
		"a blend, which is of all models":            {[]wire.Transaction{word("m", 90, ledger.Quarantine), policy, final("", 90, ledger.Clear)}, ledger.Clear},
		"a blend without a verdict under its key":    {[]wire.Transaction{policy, final("", 90, ledger.Quarantine)}, ledger.Quarantine},
		"the worst of several final verdicts":        {[]wire.Transaction{policy, final("m", 90, ledger.Inspect), final("m", 91, ledger.Clear)}, ledger.Inspect},
		"a scorer's own word beside a final verdict": {[]wire.Transaction{policy, final("", 90, ledger.Clear), word("m", 90, ledger.Quarantine)}, ledger.Clear},
	} {
		r := of(c.told...)
		if got := worst(r)[clean]; got != c.want {
			t.Errorf("%s: %s, not %s", what, got, c.want)
		}
		accepted := slices.ContainsFunc(r.Accepted(ledger.Inspect), func(h train.History) bool { return h.Shipment == clean })
		if accepted != (c.want < ledger.Inspect) {
			t.Errorf("%s: accepted is %t", what, accepted)
		}
	}
	// The root holds what decides it.
	with := of(policy, final("m", 90, ledger.Clear)).Snapshot.Root
	if with == of(policy, final("m", 90, ledger.Quarantine)).Snapshot.Root || with == of(final("m", 90, ledger.Clear)).Snapshot.Root {
		t.Error("snapshots whose journeys are accepted otherwise have one root")
	}
}
