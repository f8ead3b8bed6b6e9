// Package fleet finds drift that no single shipment shows: a lane or a supplier whose shipments have
// become odder, or lose or gain quantity, over many of them.
//
// Each key (a lane's p-values, a supplier's shortages) bets against the claim that nothing is the
// matter. If the claim holds, no strategy that knows the past only can expect to win; so wealth that
// begins at one reaches 1/α with a probability of at most α, ever (Ville 1939; testing by betting,
// Shafer 2021). A share of the wealth starts anew at each observation (the t-th gets 1/(t(t+1)),
// which sums to one), so that a change after a long good time is found too. Wealth is the mean of
// three such processes that bet boldly, evenly and carefully.
//
// What the claim is:
//   - p-values: given the table that they are of, P(p ≤ a) ≤ b(a, n) at three levels a. A table of n
//     references is itself a sample: b is what it does not exceed with probability 0.99 over tables
//     (Chernoff's bound on the order statistics' Beta distribution), so that a lane is not accused of
//     its table's bad luck. Shipments of a key are independent given the table.
//   - quantities: the expected share that is lost (or gained), given the shipments before, is at most
//     the tolerance.
//
// The error rate is one key's. A dropped and recreated key begins anew. It may import ledger,
// analytics/canon and analytics/coldchain (for Ln); no clock, no gonum, no result that depends on
// map order.
package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrParams says that parameters or an observation are malformed.
var ErrParams = errors.New("WB_FLEET: malformed")

// Kind is what a key names.
type Kind uint8

// The kinds.
const (
	Lane     Kind = 1
	Supplier Kind = 2
)

// String names the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Lane:
		return "lane"
	case Supplier:
		return "supplier"
	default:
		return "unknown"
	}
}

// Measure is what is followed.
type Measure uint8

// The measures.
const (
	Oddity   Measure = 1 // p-values of final verdicts
	Shortage Measure = 2 // share of what was shipped that was not received
	Surplus  Measure = 3 // share by which more was received than shipped
)

// String names the measure in lower case.
func (m Measure) String() string {
	switch m {
	case Oddity:
		return "oddity"
	case Shortage:
		return "shortage"
	case Surplus:
		return "surplus"
	default:
		return "unknown"
	}
}

// Params are the parameters of a Fleet.
type Params struct {
	// Alpha is the probability, in millionths, that a key without drift is ever told to drift.
	Alpha int64 `json:"alpha"`
	// Tolerance is the expected share of quantity, in millionths, that may be lost or gained.
	Tolerance int64 `json:"tolerance"`
	// Keys is how many keys are followed; the least recently observed is dropped.
	Keys int `json:"keys"`
}

// DefaultParams tell a key wrongly once in a hundred at most, allow for half a percent of quantity, and
// follow 4,096 keys.
func DefaultParams() Params { return Params{Alpha: 10_000, Tolerance: 5_000, Keys: 4_096} }

const (
	million = 1_000_000
	maxKeys = 1 << 17
	maxName = 2_000
	// MaxEvidence is how many shipments a drift names.
	MaxEvidence = 8
	// mostWealth bounds how long a key takes to come back once its drift is over.
	mostWealth = 1e9
	// unlucky is the probability of a table for which b is too small at one of the levels, in all.
	unlucky = 0.01
	bets    = 3
)

// Evidence is one shipment that speaks for a drift.
type Evidence struct {
	Shipment string
	At       ledger.Millis
	// Value is the p-value or the share, in millionths.
	Value int64
}

// Drift is what is known of a key.
type Drift struct {
	Kind    Kind
	Name    string
	Measure Measure
	// Raised says that the wealth is at 1/α or above.
	Raised bool
	// Wealth is the bettor's, in thousandths: an e-value. 1000: nothing won.
	Wealth int64
	// Since is when the run of shipments began that speaks for the drift, At the latest observation.
	Since, At ledger.Millis
	// Shipments counts those of the run, All those of the key.
	Shipments, All int64
	// Evidence is the run's oddest shipments, the oddest first.
	Evidence []Evidence
}

// Fleet follows keys. Observations come in ledger order. It is not safe for concurrent use.
type Fleet struct {
	params Params
	keys   *canon.Recent[*process]
}

// New starts a fleet. The error is ErrParams.
func New(p Params) (*Fleet, error) {
	if p.Alpha <= 0 || p.Alpha >= million || p.Tolerance <= 0 || p.Tolerance > million/2 || p.Keys < 1 || p.Keys > maxKeys {
		return nil, fmt.Errorf("%w: parameters %+v", ErrParams, p)
	}
	return &Fleet{params: p, keys: canon.NewRecent[*process]()}, nil
}

// process is one key's.
type process struct {
	at        ledger.Millis
	all       int64
	wealth    [bets]float64 // without the share that has not started
	run       float64       // the even bettor's since the run began
	since     ledger.Millis
	shipments int64
	raised    bool
	evidence  []Evidence
}

// Verdict takes a shipment's final verdict: p in millionths, guaranteed by n references
// (calibrate.Result's Guaranteed, or Bound where references were trimmed). It gives the key's state,
// and whether the drift was raised by this verdict.
func (f *Fleet) Verdict(kind Kind, name, shipment string, at ledger.Millis, p int64, n int) (Drift, bool, error) {
	if p <= 0 || p > million || n < 1 {
		return Drift{}, false, fmt.Errorf("%w: p-value of %d millionths by %d references", ErrParams, p, n)
	}
	return f.observe(kind, name, Oddity, shipment, at, p, oddity(p, n))
}

// Quantity takes what was shipped and received of a shipment, in any one unit. It gives the states of
// both measures, shortage first, and whether one was raised by this shipment.
func (f *Fleet) Quantity(kind Kind, name, shipment string, at ledger.Millis, shipped, received int64) ([2]Drift, bool, error) {
	if shipped <= 0 || received < 0 {
		return [2]Drift{}, false, fmt.Errorf("%w: %d shipped, %d received", ErrParams, shipped, received)
	}
	lost, gained := share(shipped-received, shipped), share(received-shipped, shipped)
	short, a, err := f.observe(kind, name, Shortage, shipment, at, lost, quantity(lost, f.params.Tolerance))
	if err != nil {
		return [2]Drift{}, false, err
	}
	surplus, b, err := f.observe(kind, name, Surplus, shipment, at, gained, quantity(gained, f.params.Tolerance))
	return [2]Drift{short, surplus}, a || b, err
}

func (f *Fleet) observe(kind Kind, name string, m Measure, shipment string, at ledger.Millis, value int64, gain [bets]float64) (Drift, bool, error) {
	if kind != Lane && kind != Supplier || name == "" || len(name) > maxName || len(shipment) > maxName {
		return Drift{}, false, fmt.Errorf("%w: %s named in %d bytes", ErrParams, kind, len(name))
	}
	key := keyOf(kind, m, name)
	p, ok := f.keys.Get(key)
	if !ok {
		p = &process{run: 1}
		if f.keys.Len() == f.params.Keys {
			for oldest := range f.keys.All {
				f.keys.Remove(oldest)
				break
			}
		}
	}
	f.keys.Put(key, p)
	p.step(at, gain)
	p.note(m, Evidence{shipment, at, value})
	was := p.raised
	p.raised = p.value() >= million/float64(f.params.Alpha)
	return p.drift(kind, m, name), p.raised && !was, nil
}

// step bets once.
func (p *process) step(at ledger.Millis, gain [bets]float64) {
	p.all++
	start := 1 / float64(float64(p.all)*float64(p.all+1))
	for i := range p.wealth {
		p.wealth[i] = min(mostWealth, float64(gain[i]*(p.wealth[i]+start)))
	}
	if p.run <= 1 { // nothing was won since: whatever drifts begins here
		p.run, p.since, p.shipments, p.evidence = 1, at, 0, p.evidence[:0]
	}
	p.run = min(mostWealth, float64(p.run*gain[1]))
	p.shipments++
	p.at = at
}

// value is the wealth, with the share that has not started.
func (p *process) value() float64 {
	sum := 0.0
	for _, w := range p.wealth {
		sum += w
	}
	return sum/bets + 1/float64(p.all+1)
}

// note keeps the oddest shipments of the run.
func (p *process) note(m Measure, e Evidence) {
	odder := func(a, b Evidence) int {
		if m == Oddity {
			a, b = b, a
		}
		return cmp.Compare(b.Value, a.Value)
	}
	i := len(p.evidence)
	for i > 0 && odder(e, p.evidence[i-1]) < 0 {
		i--
	}
	if i == MaxEvidence {
		return
	}
	if len(p.evidence) == MaxEvidence {
		p.evidence = p.evidence[:MaxEvidence-1]
	}
	p.evidence = slices.Insert(p.evidence, i, e)
}

func (p *process) drift(kind Kind, m Measure, name string) Drift {
	return Drift{
		Kind: kind, Name: name, Measure: m, Raised: p.raised, Wealth: int64(p.value() * 1000),
		Since: p.since, At: p.at, Shipments: p.shipments, All: p.all, Evidence: slices.Clone(p.evidence),
	}
}

// State gives what is known of a key, false if it is not followed.
func (f *Fleet) State(kind Kind, name string, m Measure) (Drift, bool) {
	p, ok := f.keys.Get(keyOf(kind, m, name))
	if !ok {
		return Drift{}, false
	}
	return p.drift(kind, m, name), true
}

// Raised gives the keys that drift, the most recently observed last.
func (f *Fleet) Raised() []Drift {
	var out []Drift
	for key, p := range f.keys.All {
		if p.raised {
			kind, m, name, _ := splitKey(key)
			out = append(out, p.drift(kind, m, name))
		}
	}
	return out
}

func keyOf(kind Kind, m Measure, name string) string {
	return string([]byte{'0' + byte(kind), '0' + byte(m), ' '}) + name
}

func splitKey(key string) (Kind, Measure, string, bool) {
	head, name, ok := strings.Cut(key, " ")
	if !ok || len(head) != 2 || name == "" {
		return 0, 0, "", false
	}
	return Kind(head[0] - '0'), Measure(head[1] - '0'), name, true
}

// levels are those of which a bet on p-values is made, and stakes what the bold, the even and the
// careful bettor set on each; the rest they keep.
func levels() [3]float64 { return [3]float64{0.01, 0.05, 0.2} }

func stakes() [bets][3]float64 {
	return [bets][3]float64{{0.2, 0.25, 0.2}, {0.1, 0.15, 0.15}, {0.03, 0.04, 0.03}}
}

// oddity is what the bettors win on a p-value: each stake over the probability that it wins.
func oddity(p int64, n int) [bets]float64 {
	var gain [bets]float64
	kept := [bets]float64{1, 1, 1}
	for k, level := range levels() {
		bound := chance(level, n)
		if bound <= 0 || bound >= 1 { // no bet on what cannot, or may always, happen
			continue
		}
		for i, s := range stakes() {
			kept[i] -= s[k]
			if float64(p) <= level*million {
				gain[i] += s[k] / bound
			}
		}
	}
	for i := range gain {
		gain[i] += kept[i]
	}
	return gain
}

// chance bounds P(p ≤ level) given the table, with probability 1 - unlucky/3 over tables of n
// references. With r = ⌊level·(n+1)⌋ that probability has at most the distribution Beta(r, n+1-r), of
// which P(Beta > b) = P(Bin(n, b) < r) ≤ exp(-n·KL((r-1)/n, b)).
func chance(level float64, n int) float64 {
	r := int64(float64(level * float64(n+1)))
	if r < 1 {
		return 0
	}
	share := float64(r-1) / float64(n)
	need := -coldchain.Ln(unlucky/3) / float64(n)
	low, high := share, 1.0
	for range 40 {
		middle := (low + high) / 2
		if divergence(share, middle) < need {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// divergence is Kullback and Leibler's of a coin of q from one of p.
func divergence(p, q float64) float64 {
	if q >= 1 {
		return 1e9
	}
	d := float64((1 - p) * coldchain.Ln((1-p)/(1-q)))
	if p > 0 {
		d += float64(p * coldchain.Ln(p/q))
	}
	return d
}

// quantity is what the bettors win on a share above the tolerance: λ times what it is above (Waudby-Smith
// and Ramdas 2024), where λ times the tolerance is a half, a fifth and a twentieth.
func quantity(value, tolerance int64) [bets]float64 {
	var gain [bets]float64
	over := float64(value-tolerance) / float64(tolerance)
	for i, stake := range [bets]float64{0.5, 0.2, 0.05} {
		gain[i] = 1 + float64(stake*over)
	}
	return gain
}

// share is a over b in millionths, from 0 to 1.
func share(a, b int64) int64 {
	if a <= 0 {
		return 0
	}
	if a >= b {
		return million
	}
	return int64(float64(a) / float64(b) * million)
}

// Code writes or reads the state. The parameters are not part of it.
func (f *Fleet) Code(c *canon.Coder) {
	f.keys.Code(c, f.params.Keys, func(c *canon.Coder, v **process) {
		if c.Reading() {
			*v = &process{}
		}
		(*v).code(c)
	})
	if !c.Reading() || c.Err() != nil {
		return
	}
	for key := range f.keys.All {
		if kind, m, _, ok := splitKey(key); !ok || kind < Lane || kind > Supplier || m < Oddity || m > Surplus {
			c.Fail("key %q", key)
			return
		}
	}
}

func (p *process) code(c *canon.Coder) {
	canon.Int(c, &p.at)
	canon.Int(c, &p.all)
	for i := range p.wealth {
		c.Float(&p.wealth[i])
	}
	c.Float(&p.run)
	canon.Int(c, &p.since)
	canon.Int(c, &p.shipments)
	c.Bool(&p.raised)
	canon.Slice(c, &p.evidence, MaxEvidence, func(c *canon.Coder, e *Evidence) {
		canon.String(c, &e.Shipment, maxName)
		canon.Int(c, &e.At)
		canon.Int(c, &e.Value)
	})
	sane := p.all > 0 && p.shipments > 0 && p.shipments <= p.all && p.run >= 0 && p.run <= mostWealth
	for _, w := range p.wealth {
		sane = sane && w >= 0 && w <= mostWealth
	}
	if !sane {
		c.Fail("process of %d observations", p.all)
	}
}
