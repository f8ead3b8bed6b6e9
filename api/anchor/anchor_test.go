package anchor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// consortium is a ledger's anchors in memory, recorded by the contract's own rules.
type consortium struct {
	t       *testing.T
	now     time.Time
	leaves  map[uint64]uint64 // size of the log by height, of blocks that added leaves
	anchors []ledger.Anchor
	nodes   map[string]*node
}

// node is an organisation's view: its log may be another than the others'.
type node struct {
	*consortium
	mspID string
	key   *ecdsa.PrivateKey
	lies  byte
	*Service
}

func newConsortium(t *testing.T, organisations ...string) *consortium {
	t.Helper()
	c := &consortium{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), leaves: map[uint64]uint64{}, nodes: map[string]*node{}}
	for _, mspID := range organisations {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{consortium: c, mspID: mspID, key: key}
		if n.Service, err = New(Config{
			Store: n, Channel: "waybill", MSPID: mspID, Organisations: organisations, Submit: n, Key: key,
			Clock: func() time.Time { return c.now },
		}); err != nil {
			t.Fatal(err)
		}
		c.nodes[mspID] = n
	}
	return c
}

// turn lets time pass and each organisation that is not left out act once, in the order of names.
func (c *consortium) turn(d time.Duration, without ...string) {
	c.t.Helper()
	c.now = c.now.Add(d)
	for _, mspID := range slices.Sorted(maps.Keys(c.nodes)) {
		if slices.Contains(without, mspID) {
			continue
		}
		if err := c.nodes[mspID].step(c.t.Context()); err != nil {
			c.t.Fatal(mspID, err)
		}
	}
}

func (c *consortium) anchored() (list []string) {
	for _, a := range c.anchors {
		list = append(list, fmt.Sprint(a.MSPID, "@", a.Root.Height))
	}
	slices.Sort(list)
	return list
}

func (n *node) Roots(_ context.Context, roots []wire.SignedRoot) ([]submit.Outcome, error) {
	var out []submit.Outcome
	for _, r := range roots {
		view := ledger.AnchorView{Channel: "waybill"}
		for _, a := range n.anchors {
			if a.MSPID == n.mspID {
				view.Head = &ledger.AnchorHead{Height: a.Root.Height, Size: a.Root.Size}
				if a.Root.Height == r.Root.Height {
					view.Recorded = &a
				}
			}
		}
		statement, err := wire.RootStatement(r.Root, n.mspID, r.Signed.At)
		if err != nil {
			return nil, err
		}
		tx := ledger.Tx{ID: fmt.Sprint("tx", len(n.anchors)), Time: ledger.MillisOf(n.now), Actor: ledger.Actor{MSPID: n.mspID}}
		a, status, err := ledger.DecideAnchor(r.Root, r.Signed, statement, n.key.Public(), []byte{1}, view, tx)
		answer := wire.Answer{Status: status}
		if err != nil {
			answer = wire.Answer{Status: ledger.StatusRefused, Code: ledger.Code(err), Message: err.Error()}
		} else if status == ledger.StatusRecorded {
			n.anchors = append(n.anchors, a)
		}
		out = append(out, submit.Outcome{Answer: answer, TxID: tx.ID})
	}
	return out, nil
}

func (n *node) Changed() (uint64, <-chan struct{}) { return 0, nil }

func (n *node) Root(_ context.Context, height uint64) (ledger.Root, error) {
	size, ok := n.leaves[height]
	if !ok {
		return ledger.Root{}, readmodel.ErrNotFound
	}
	return ledger.Root{Genesis: ledger.Digest{1}, Height: height, Block: ledger.Digest{2, byte(height)}, Size: size, Hash: ledger.Digest{3, byte(height), n.lies}}, nil
}

func (n *node) LatestRoot(ctx context.Context) (ledger.Root, error) {
	if len(n.leaves) == 0 {
		return ledger.Root{}, readmodel.ErrNotFound
	}
	return n.Root(ctx, slices.Max(slices.Collect(maps.Keys(n.leaves))))
}

func (n *node) sorted(keep func(ledger.Anchor) bool) (out []readmodel.Anchored) {
	for _, a := range n.anchors {
		if !keep(a) {
			continue
		}
		x := readmodel.Anchored{Anchor: a}
		if own, err := n.Root(context.Background(), a.Root.Height); err == nil {
			own.Channel = a.Root.Channel
			x.Own = &own
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b readmodel.Anchored) int { return int(b.Root.Height) - int(a.Root.Height) })
	return out
}

func (n *node) Anchors(_ context.Context, above uint64, _ int) ([]readmodel.Anchored, error) {
	return n.sorted(func(a ledger.Anchor) bool { return a.Root.Height > above }), nil
}

func (n *node) LatestAnchors(_ context.Context, below uint64, _ int) ([]readmodel.Anchored, error) {
	return n.sorted(func(a ledger.Anchor) bool { return a.Root.Height < below }), nil
}

func (n *node) AnchorsAt(_ context.Context, height uint64) ([]readmodel.Anchored, error) {
	return n.sorted(func(a ledger.Anchor) bool { return a.Root.Height == height }), nil
}

func (n *node) LastAnchor(_ context.Context, mspID string) (readmodel.Anchored, error) {
	found := n.sorted(func(a ledger.Anchor) bool { return a.MSPID == mspID })
	if len(found) == 0 {
		return readmodel.Anchored{}, readmodel.ErrNotFound
	}
	return found[0], nil
}

func (n *node) Disagreements(context.Context) (map[string]readmodel.Disagreement, error) {
	out := map[string]readmodel.Disagreement{}
	for _, a := range n.sorted(func(ledger.Anchor) bool { return true }) {
		if !a.Agrees() {
			d := out[a.MSPID]
			if d.Roots++; d.Roots == 1 {
				d.Last = a
			}
			d.Since = a.RecordedAt // the highest come first
			out[a.MSPID] = d
		}
	}
	return out, nil
}

func (n *node) ProofsOf(ctx context.Context, height uint64, _ []string) (proof.Proof, error) {
	root, err := n.Root(ctx, height)
	return proof.Proof{Kind: proof.Inclusion, Roots: []proof.SignedRoot{{Root: root}}}, err
}

func (n *node) Consistency(ctx context.Context, from, to uint64) (proof.Proof, error) {
	first, err := n.Root(ctx, from)
	second, err2 := n.Root(ctx, to)
	return proof.Proof{Kind: proof.Consistency, Roots: []proof.SignedRoot{{Root: first}, {Root: second}}}, errors.Join(err, err2)
}

// standing gives how a node sees an organisation.
func (c *consortium) standing(seenBy, mspID string) Standing {
	c.t.Helper()
	all, _, err := c.nodes[seenBy].Standings(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return all[slices.IndexFunc(all, func(s Standing) bool { return s.MSPID == mspID })]
}

func TestOneChoosesTheHeightAndTheOthersSignIt(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	c.turn(time.Minute)
	if len(c.anchors) != 0 {
		t.Fatal("anchored without a leaf", c.anchored())
	}
	if s := c.standing("A", "B"); s.State != Nothing || s.Last != nil || s.Why != "" {
		t.Errorf("who has anchored nothing agrees with nothing: %+v", s)
	}
	c.leaves[5] = 10
	c.turn(time.Second)
	if len(c.anchors) != 0 {
		t.Fatal("anchored before its time", c.anchored())
	}
	c.leaves[7] = 20
	for range 12 {
		c.turn(time.Second)
	}
	if got := fmt.Sprint(c.anchored()); got != "[A@7 B@7 C@7]" {
		t.Fatal(got)
	}
	for range 100 {
		c.turn(time.Minute)
	}
	if len(c.anchors) != 3 {
		t.Error("anchored again without anything new", c.anchored())
	}
	p, err := c.nodes["C"].Prove(t.Context(), Request{Keys: []string{"x"}})
	if err != nil || len(p.Roots[0].Signatures) != 2 || p.Roots[0].Root.Height != 7 || p.Roots[0].Root.Channel != "waybill" {
		t.Error(p, err)
	}
	if p, err = c.nodes["C"].Prove(t.Context(), Request{Keys: []string{"x"}, All: true}); err != nil || len(p.Roots[0].Signatures) != 3 {
		t.Error(p, err)
	}
}

func TestManyBlocksAreAnchoredWithoutWaiting(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	c.leaves[2_000] = 10
	c.turn(time.Millisecond)
	c.turn(time.Millisecond)
	if got := fmt.Sprint(c.anchored()); got != "[A@2000 B@2000 C@2000]" {
		t.Fatal(got)
	}
}

func TestAFalseRootIsSeenAndNamedAndTheHonestStillProve(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	c.nodes["A"].lies = 0xff
	c.leaves[5] = 10
	for range 12 {
		c.turn(time.Second)
	}
	if got := fmt.Sprint(c.anchored()); got != "[A@5 B@5 C@5]" {
		t.Fatal(got)
	}
	for _, honest := range []string{"B", "C"} {
		s := c.standing(honest, "A")
		if s.State != Differs || s.FalseRoots != 1 || s.Since != s.LastFalse.RecordedAt || s.LastFalse.Root.Height != 5 || !strings.Contains(s.Why, "this node's is ") {
			t.Errorf("%+v", s)
		}
		if s := c.standing(honest, "B"); s.State != Agrees {
			t.Errorf("%+v", s)
		}
		if _, err := c.nodes[honest].Prove(t.Context(), Request{Keys: []string{"x"}}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.nodes["A"].Prove(t.Context(), Request{Keys: []string{"x"}}); !errors.Is(err, ErrDisagrees) {
		t.Error(err)
	}
	roots, err := c.nodes["B"].Service.Roots(t.Context(), 0, 10)
	if err != nil || len(roots) != 1 || !roots[0].Agreed || len(roots[0].Anchors) != 3 {
		t.Errorf("%+v %v", roots, err)
	}
	// Two that lie alike are a majority; then it is the honest one that is alone, and knows it.
	c = newConsortium(t, "A", "B", "C")
	c.nodes["A"].lies, c.nodes["B"].lies = 0xff, 0xff
	c.leaves[5] = 10
	for range 12 {
		c.turn(time.Second)
	}
	if _, err := c.nodes["C"].Prove(t.Context(), Request{Keys: []string{"x"}}); !errors.Is(err, ErrDisagrees) {
		t.Error(err)
	}
}

func TestTheLateAndTheAbsentAreNamed(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	c.leaves[5] = 10
	for range 12 {
		c.turn(time.Second)
	}
	c.leaves[9] = 40
	for range 10 {
		c.turn(time.Second, "B")
	}
	if s := c.standing("A", "B"); s.State != Agrees {
		t.Errorf("a few seconds are no delay: %+v", s)
	}
	c.turn(time.Minute, "B")
	if s := c.standing("C", "B"); s.State != Late || s.Since == 0 || s.BehindBlocks != 4 || s.BehindLeaves != 30 {
		t.Errorf("%+v", s)
	}
	c.turn(time.Hour, "B")
	if s := c.standing("C", "B"); s.State != Absent || !strings.Contains(s.Why, "nothing since") {
		t.Errorf("%+v", s)
	}
	c.turn(time.Second)
	if s := c.standing("C", "B"); s.State != Agrees || s.Why != "" || s.Since != 0 {
		t.Errorf("%+v", s)
	}
	never := newConsortium(t, "A", "B", "C")
	never.leaves[5] = 10
	for range 12 {
		never.turn(time.Second, "C")
	}
	never.turn(time.Hour, "C")
	if s := never.standing("A", "C"); s.State != Absent || !strings.Contains(s.Why, "never") {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsProvenWithoutAMajority(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	if _, err := c.nodes["A"].Prove(t.Context(), Request{Keys: []string{"x"}}); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
	c.leaves[5] = 10
	for range 12 {
		c.turn(time.Second, "B", "C")
	}
	if _, err := c.nodes["A"].Prove(t.Context(), Request{Keys: []string{"x"}}); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
	if _, err := c.nodes["A"].Prove(t.Context(), Request{Keys: []string{"x"}, Height: 5}); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
	if _, err := c.nodes["A"].Prove(t.Context(), Request{}); !errors.Is(err, ledger.ErrTooLarge) {
		t.Error(err)
	}
	c.turn(time.Second)
	if _, err := c.nodes["A"].Service.Consistency(t.Context(), 5, 0, false); err != nil {
		t.Error(err)
	}
}

func TestTheRootIsOneOfThoseWhoseWordCountsForWhoAsks(t *testing.T) {
	c := newConsortium(t, "A", "B", "C", "D", "E")
	c.leaves[5] = 10
	for range 20 {
		c.turn(time.Second, "C", "D", "E")
	}
	c.leaves[9] = 20
	for range 20 {
		c.turn(time.Second, "A", "B")
	}
	for name, v := range map[string]struct {
		of     []string
		height uint64 // 0: none
	}{
		"the organisations of the channel": {nil, 9},
		"keepers that anchored the first":  {[]string{"B", "A", "C"}, 5},
		"keepers that anchored the last":   {[]string{"C", "D", "A"}, 9},
		"half of the keepers":              {[]string{"A", "B", "X", "Y"}, 0},
	} {
		p, err := c.nodes["A"].Prove(t.Context(), Request{Keys: []string{"x"}, Bare: true, Organisations: v.of})
		switch {
		case v.height == 0:
			if !errors.Is(err, ErrNotAnchored) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || p.Roots[0].Root.Height != v.height:
			t.Errorf("%s: %+v %v", name, p.Roots, err)
		}
	}
}

func TestAMemberWhoseRootsDoNotCountWatchesAndProves(t *testing.T) {
	c := newConsortium(t, "A", "B", "C")
	witness := &node{consortium: c, mspID: "W"}
	config := Config{Store: witness, Channel: "waybill", MSPID: "W", Organisations: []string{"A", "B", "C"}, Clock: func() time.Time { return c.now }}
	var err error
	if witness.Service, err = New(config); err != nil {
		t.Fatal(err)
	}
	c.nodes["W"] = witness
	c.leaves[5] = 10
	for range 12 {
		c.turn(time.Second, "C")
	}
	if got := fmt.Sprint(c.anchored()); got != "[A@5 B@5]" {
		t.Fatal(got)
	}
	c.turn(time.Hour, "C")
	for _, seenBy := range []string{"A", "W"} {
		all, agreed, err := c.nodes[seenBy].Standings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var states []string
		for _, s := range all {
			states = append(states, s.MSPID+" "+string(s.State))
		}
		if got := fmt.Sprint(states); got != "[A agrees B agrees C absent]" {
			t.Errorf("as %s sees it: %s", seenBy, got)
		}
		if agreed == nil || agreed.Root.Height != 5 || !agreed.Own() {
			t.Errorf("as %s sees it two of three agree on %+v", seenBy, agreed)
		}
	}
	if p, err := witness.Prove(t.Context(), Request{Keys: []string{"x"}}); err != nil || len(p.Roots[0].Signatures) != 2 {
		t.Errorf("a proof under %d signatures, %v", len(p.Roots), err)
	}
	witness.lies = 1 // its log is another: it must notice
	if _, err := witness.Prove(t.Context(), Request{Keys: []string{"x"}}); !errors.Is(err, ErrDisagrees) {
		t.Error(err)
	}

	config.Submit, config.Key = witness, c.nodes["A"].key
	if _, err := New(config); err == nil {
		t.Error("it was given something to sign by")
	}
	config.Submit, config.Key, config.Organisations = nil, nil, nil
	if _, err := New(config); err == nil {
		t.Error("nobody's agreement counts")
	}
}
