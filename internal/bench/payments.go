package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// Payments is the kind of a run that pays one account: in notes, and in balances as Fabric's ERC-20 sample keeps them.
const Payments Kind = "payments"

const (
	defaultPayments  = 1_000
	mostPayments     = 20_000
	mostAtOnce       = 1_200 // three peers take 500 calls each
	defaultPaySecond = 60
	// longPause is the longest that a client waits before it tries again.
	firstPause, longPause = 50 * time.Millisecond, 2 * time.Second
)

// PaymentsConfig says what to pay. Zero fields take their defaults.
type PaymentsConfig struct {
	// Member gives the profile of an organisation, Organisations are those with peers; Network is theirs. All are needed.
	Member        func(organisation string) (*profile.Profile, error)
	Organisations []string
	Network       besides
	// Payments is how many there are, default 1,000, and AtOnce how many of them are under way, default all.
	Payments, AtOnce int
	// Seconds is the most that each way may take, default 60: what is not paid then is not.
	Seconds int
	// Say hears of each step, a line each. It may be nil.
	Say func(string)
}

// Check says which number is out of its bounds, without a code.
func (c PaymentsConfig) Check() error { return c.numbers() }

func (c *PaymentsConfig) numbers() error {
	c.Payments = cmp.Or(c.Payments, defaultPayments)
	c.AtOnce = cmp.Or(c.AtOnce, min(c.Payments, mostAtOnce))
	c.Seconds = cmp.Or(c.Seconds, defaultPaySecond)
	for _, n := range []struct {
		name    string
		v, most int
	}{{"payments", c.Payments, mostPayments}, {"clients", c.AtOnce, mostAtOnce}, {"seconds", c.Seconds, 3600}} {
		if n.v < 1 || n.v > n.most {
			return fmt.Errorf("%s: %d is not from 1 to %d", n.name, n.v, n.most)
		}
	}
	return nil
}

// PaymentsResult is a run of payments to one account, each a transaction of its own, in both ways on one network.
type PaymentsResult struct {
	Bench    Kind       `json:"bench"`
	Asked    int        `json:"asked"`
	AtOnce   int        `json:"at_once"`
	Notes    PaymentWay `json:"notes"`
	Balances PaymentWay `json:"balances"`
	Ratio    float64    `json:"ratio"` // of the rates
	Machine  Machine    `json:"machine"`
}

// PaymentWay is what one way of paying came to.
type PaymentWay struct {
	Committed int `json:"committed"`
	// Conflicts are transactions that the peers invalidated since another had changed what they read, Mismatches those that
	// peers endorsed with different results since one was behind, and Busy what was not taken in time.
	Conflicts  int `json:"conflicts"`
	Mismatches int `json:"mismatches"`
	Busy       int `json:"busy"`
	// Retries are the attempts beyond each payment's first.
	Retries int     `json:"retries"`
	Seconds float64 `json:"seconds"`
	PerS    float64 `json:"payments_per_s"`
	P50MS   float64 `json:"p50_ms"` // of committed payments, retries included
	P99MS   float64 `json:"p99_ms"`
	// Exact says that the ledger holds afterwards what was paid, to the credit, and Check how.
	Exact bool   `json:"exact"`
	Check string `json:"check"`
	Load  string `json:"load"`
}

// OK reports whether notes paid all without a conflict and both ways' accounts are exact.
func (r *PaymentsResult) OK() bool {
	return r.Notes.Committed == r.Asked && r.Notes.Conflicts == 0 && r.Notes.Exact && r.Balances.Exact
}

// WriteJSON writes the result as one object on one line.
func (r *PaymentsResult) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes the result for a person.
func (r *PaymentsResult) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "waybill bench payments\n\n  %s payments to one account, %s at once, each a transaction\n\n", grouped(float64(r.Asked)), grouped(float64(r.AtOnce)))
	fmt.Fprintf(&b, "  %-24s %14s %14s\n", "", "notes", "balances")
	row := func(name string, of func(PaymentWay) string) {
		fmt.Fprintf(&b, "  %-24s %14s %14s\n", name, of(r.Notes), of(r.Balances))
	}
	number := func(of func(PaymentWay) int) func(PaymentWay) string {
		return func(p PaymentWay) string { return grouped(float64(of(p))) }
	}
	row("committed", number(func(p PaymentWay) int { return p.Committed }))
	row("read conflicts (MVCC)", number(func(p PaymentWay) int { return p.Conflicts }))
	row("endorsed differently", number(func(p PaymentWay) int { return p.Mismatches }))
	row("not taken in time", number(func(p PaymentWay) int { return p.Busy }))
	row("retries", number(func(p PaymentWay) int { return p.Retries }))
	row("seconds", func(p PaymentWay) string { return strconv.FormatFloat(p.Seconds, 'f', 1, 64) })
	row("payments a second", func(p PaymentWay) string { return strconv.FormatFloat(p.PerS, 'f', 1, 64) })
	row("p50 ms", func(p PaymentWay) string { return grouped(p.P50MS) })
	row("p99 ms", func(p PaymentWay) string { return grouped(p.P99MS) })
	row("accounts exact", func(p PaymentWay) string { return strconv.FormatBool(p.Exact) })
	fmt.Fprintf(&b, "\n  notes     %s\n            %s\n  balances  %s\n            %s\n", r.Notes.Load, r.Notes.Check, r.Balances.Load, r.Balances.Check)
	if r.Ratio > 0 {
		fmt.Fprintf(&b, "  ratio     %.1f times\n", r.Ratio)
	}
	fmt.Fprintf(&b, "  machine   %d × %s, %.0f GiB, %s/%s, %s\n", r.Machine.CPUs, orUnknown(r.Machine.CPU), r.Machine.MemoryGiB, r.Machine.OS, r.Machine.Arch, r.Machine.Go)
	_, err := io.WriteString(w, b.String())
	return err
}

// MeasurePayments pays one account in notes, then in balances.
func MeasurePayments(ctx context.Context, cfg PaymentsConfig) (_ *PaymentsResult, err error) {
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	if err = cfg.numbers(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if cfg.Member == nil || cfg.Network == nil || len(cfg.Organisations) < 2 {
		return nil, fmt.Errorf("%w: payments need a network of two organisations with peers", ErrConfig)
	}
	p := &payments{cfg: cfg}
	defer func() { err = errors.Join(err, p.close()) }()
	stop, err := serveBalances(ctx, cfg.Network, cfg.Organisations)
	if err != nil {
		return nil, err
	}
	defer stop()
	out := &PaymentsResult{Bench: Payments, Asked: cfg.Payments, AtOnce: cfg.AtOnce, Machine: ThisMachine()}
	if out.Notes, err = p.inNotes(ctx); err != nil {
		return nil, err
	}
	if out.Balances, err = p.inBalances(ctx); err != nil {
		return nil, err
	}
	if out.Balances.PerS > 0 {
		out.Ratio = round1(out.Notes.PerS / out.Balances.PerS)
	}
	return out, nil
}

// payments is a run's state.
type payments struct {
	cfg     PaymentsConfig
	clients []*fabric.Client
}

func (p *payments) close() error {
	var errs []error
	for _, c := range p.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// client is an organisation's identity at the gateway of one organisation's peers; chaincode "" is Waybill's.
func (p *payments) client(org, identity, at, chaincode string) (*fabric.Client, error) {
	own, err := p.cfg.Member(org)
	if err != nil {
		return nil, err
	}
	of := *own
	of.Chaincode = cmp.Or(chaincode, of.Chaincode)
	if at != org {
		there, failed := p.cfg.Member(at)
		if failed != nil {
			return nil, failed
		}
		of.GatewayPeers = there.GatewayPeers
	}
	c, err := fabric.Dial(&of, identity, fabric.Options{OwnPeersOnly: true, Commit: time.Minute, Endorse: time.Minute, Evaluate: time.Minute})
	if err == nil {
		p.clients = append(p.clients, c)
	}
	return c, err
}

// everywhere is one identity at the gateways of all organisations, so that no gateway has more calls than it takes.
func (p *payments) everywhere(org, identity, chaincode string) ([]*fabric.Client, error) {
	var all []*fabric.Client
	for _, at := range p.cfg.Organisations {
		c, err := p.client(org, identity, at, chaincode)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// written is a transaction that was committed.
type written struct {
	id     string
	result []byte
}

// write has one transaction endorsed, ordered and committed. What became of it is known when it returns, but for
// fabric.ErrUnknownOutcome.
func write(ctx context.Context, c *fabric.Client, function string, arguments ...[]byte) (written, error) {
	tx, err := c.Endorse(ctx, function, arguments...)
	if err != nil {
		return written{}, err
	}
	if err = c.Submit(ctx, tx); err != nil && !errors.Is(err, fabric.ErrUnknownOutcome) {
		return written{}, err
	}
	status, err := c.Commit(ctx, tx.ID)
	if err != nil {
		return written{}, err
	}
	return written{tx.ID, tx.Result}, status.Err()
}

// answered gives the answer to a transaction of one operation.
func answered(w written, err error) (wire.Answer, error) {
	if err != nil {
		return wire.Answer{}, err
	}
	all, err := wire.DecodeAnswers(w.result)
	if err != nil {
		return wire.Answer{}, err
	}
	if len(all.Answers) != 1 || all.Answers[0].Code != "" {
		return wire.Answer{}, fmt.Errorf("%w: the chaincode's answer to one operation is %v", ErrProtocol, all.Answers)
	}
	return all.Answers[0], nil
}

// tried is what many payments came to.
type tried struct {
	mu   sync.Mutex
	way  PaymentWay
	took Histogram
	paid []written
}

// pay makes every payment, each tried again until it is committed or the time is over.
func (p *payments) pay(ctx context.Context, one func(ctx context.Context, i int) (written, error)) (*tried, error) {
	var t tried
	t.paid = make([]written, 0, p.cfg.Payments)
	began := time.Now()
	over := began.Add(time.Duration(p.cfg.Seconds) * time.Second)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(p.cfg.AtOnce)
	for i := range p.cfg.Payments {
		work.Go(func() error {
			asked := time.Now()
			for tries := 0; ; tries++ {
				if time.Now().After(over) {
					return nil
				}
				w, err := one(ctx, i)
				if !t.take(w, err, tries, time.Since(asked)) {
					return err
				}
				if err == nil {
					return nil
				}
				if err := pause(ctx, tries); err != nil {
					return err
				}
			}
		})
	}
	err := work.Wait()
	took := time.Since(began)
	t.way.Committed = len(t.paid)
	t.way.Seconds, t.way.PerS = round1(took.Seconds()), rate(uint64(len(t.paid)), took)
	t.way.P50MS, t.way.P99MS = millis(t.took.Quantile(0.5)), millis(t.took.Quantile(0.99))
	return &t, err
}

// take counts an attempt. It is false for an error after which nothing is to be tried again.
func (t *tried) take(w written, err error, tries int, took time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tries > 0 {
		t.way.Retries++
	}
	switch {
	case err == nil:
		t.paid = append(t.paid, w)
		t.took.Add(took, 1)
	case errors.Is(err, fabric.ErrConflict):
		t.way.Conflicts++
	case errors.Is(err, fabric.ErrMismatch):
		t.way.Mismatches++
	case errors.Is(err, fabric.ErrTooMany), errors.Is(err, fabric.ErrUnavailable), errors.Is(err, fabric.ErrDeadline):
		t.way.Busy++
	default:
		return false
	}
	return true
}

// pause waits before the next attempt, longer each time and each time by chance, so that clients do not meet again.
func pause(ctx context.Context, tries int) error {
	most := min(longPause, firstPause<<min(tries, 10))
	timer := time.NewTimer(rand.N(most)) //nolint:gosec // it hides nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// inNotes pays with Waybill's credits: one payer, who has a note for each payment.
func (p *payments) inNotes(ctx context.Context) (PaymentWay, error) {
	from, to := p.cfg.Organisations[0], p.cfg.Organisations[1]
	payer, err := p.everywhere(from, profile.IdentityHolder, "")
	if err != nil {
		return PaymentWay{}, err
	}
	payee, err := p.client(to, profile.IdentityHolder, to, "")
	if err != nil {
		return PaymentWay{}, err
	}
	of, err := open(ctx, payer[0])
	if err != nil {
		return PaymentWay{}, err
	}
	account, err := open(ctx, payee)
	if err != nil {
		return PaymentWay{}, err
	}
	p.cfg.Say(fmt.Sprintf("minting %d notes", p.cfg.Payments))
	notes, err := p.mint(ctx, of)
	if err != nil {
		return PaymentWay{}, err
	}
	p.cfg.Say("paying in notes")
	t, err := p.pay(ctx, func(ctx context.Context, i int) (written, error) {
		batch, failed := wire.Encode(wire.CreditBatch{Operations: []ledger.CreditOperation{{
			Transfer: &ledger.Transfer{Inputs: notes[i : i+1], Outputs: []ledger.Payment{{To: account, Amount: 1}}},
		}}})
		if failed != nil {
			return written{}, failed
		}
		w, failed := write(ctx, payer[i%len(payer)], wire.FnTransact, batch)
		answer, failed := answered(w, failed)
		if failed == nil && answer.Status == ledger.StatusDuplicate {
			w.id = answer.RecordedIn // an attempt before, whose answer was lost, paid
		}
		return w, failed
	})
	if err != nil {
		return PaymentWay{}, err
	}
	t.way.Load = "one payer with a note for each payment; a payment spends one note and makes another"
	return t.way, p.checkNotes(ctx, t, payee, account)
}

func open(ctx context.Context, c *fabric.Client) (ledger.Digest, error) {
	batch, err := wire.Encode(wire.CreditBatch{Operations: []ledger.CreditOperation{{Open: &ledger.OpenAccount{}}}})
	if err != nil {
		return ledger.Digest{}, err
	}
	answer, err := answered(write(ctx, c, wire.FnTransact, batch))
	return answer.Digest, err
}

// mint has the organisations make the notes, by the rules that they first agree on.
func (p *payments) mint(ctx context.Context, to ledger.Digest) ([]ledger.NoteID, error) {
	var keepers []string
	var stewards []*fabric.Client
	for _, org := range p.cfg.Organisations {
		of, err := p.cfg.Member(org)
		if err != nil {
			return nil, err
		}
		keepers = append(keepers, of.MSPID)
		c, err := p.client(org, profile.IdentitySteward, org, "")
		if err != nil {
			return nil, err
		}
		stewards = append(stewards, c)
	}
	slices.Sort(keepers)
	registrar, err := p.client(p.cfg.Organisations[0], profile.IdentityRegistrar, p.cfg.Organisations[0], "")
	if err != nil {
		return nil, err
	}
	rules, err := wire.Encode(wire.MasterBatch{Data: []ledger.MasterDatum{{Version: 1, Rules: &ledger.Rules{Keepers: keepers}}}})
	if err != nil {
		return nil, err
	}
	if _, err = answered(write(ctx, registrar, wire.FnRegisterMaster, rules)); err != nil {
		return nil, err
	}
	votes := stewards[:len(keepers)/2+1]
	run := rand.Uint64() //nolint:gosec // a name
	var notes []ledger.NoteID
	for n := 0; len(notes) < p.cfg.Payments; n++ {
		m := ledger.Mint{Serial: fmt.Sprintf("bench-%x-%d", run, n)}
		for range min(ledger.MaxNotesOut, p.cfg.Payments-len(notes)) {
			m.Payments = append(m.Payments, ledger.Payment{To: to, Amount: 1})
		}
		batch, err := wire.Encode(wire.MotionBatch{Motions: []ledger.CreditMotion{{Mint: &m}}})
		if err != nil {
			return nil, err
		}
		var last written
		for _, steward := range votes {
			last, err = write(ctx, steward, wire.FnGovernCredits, batch)
			if _, err = answered(last, err); err != nil {
				return nil, err
			}
		}
		for i := range uint32(len(m.Payments)) { //nolint:gosec // at most MaxNotesOut
			notes = append(notes, ledger.NoteID{TxID: last.id, Index: i})
		}
	}
	return notes, nil
}

// checkNotes asks the ledger whether the payee has what was paid, and whether all that was minted is there.
func (p *payments) checkNotes(ctx context.Context, t *tried, c *fabric.Client, payee ledger.Digest) error {
	var mu sync.Mutex
	paid := map[string]bool{}
	work, asking := errgroup.WithContext(ctx)
	work.SetLimit(16)
	for _, w := range t.paid {
		work.Go(func() error {
			raw, err := c.Evaluate(asking, wire.FnGetNote, []byte(ledger.NoteID{TxID: w.id}.String()))
			if err != nil {
				return err
			}
			note, err := wire.Decode[ledger.Note](raw, ledger.MaxArgumentBytes)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			paid[w.id] = note.Owner == payee && note.Amount == 1
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	maps.DeleteFunc(paid, func(_ string, ok bool) bool { return !ok })
	sums, err := creditSums(ctx, c)
	if err != nil {
		return err
	}
	balanced := sums.Check()
	t.way.Exact = len(paid) == t.way.Committed && balanced == nil
	t.way.Check = fmt.Sprintf("the payee has %d notes of 1; minted %d = burned %d + unspent %d + locked %d", len(paid), sums.Minted, sums.Burned, sums.Unspent, sums.Locked)
	return nil
}

func creditSums(ctx context.Context, c *fabric.Client) (ledger.CreditSums, error) {
	var sums ledger.CreditSums
	for {
		raw, err := c.Evaluate(ctx, wire.FnGetCreditSums, []byte(sums.Next))
		if err != nil {
			return sums, err
		}
		part, err := wire.Decode[ledger.CreditSums](raw, ledger.MaxArgumentBytes)
		if err != nil {
			return sums, err
		}
		if sums, err = sums.Plus(part); err != nil || sums.Next == "" {
			return sums, err
		}
	}
}

// inBalances pays with a balance an account. Each payment has a payer of its own, so that only the payee is shared.
func (p *payments) inBalances(ctx context.Context) (PaymentWay, error) {
	const payee = "payee"
	clients, err := p.everywhere(p.cfg.Organisations[0], profile.IdentityHolder, balancesName)
	if err != nil {
		return PaymentWay{}, err
	}
	count := []byte(strconv.Itoa(p.cfg.Payments))
	if _, err = write(ctx, clients[0], fnFound, count, []byte("1")); err != nil {
		return PaymentWay{}, err
	}
	p.cfg.Say("paying in balances")
	t, err := p.pay(ctx, func(ctx context.Context, i int) (written, error) {
		return write(ctx, clients[i%len(clients)], fnPay, []byte(payerName(i)), []byte(payee), []byte("1"))
	})
	if err != nil {
		return PaymentWay{}, err
	}
	amount := func(function string, arguments ...[]byte) (int, error) {
		raw, failed := clients[0].Evaluate(ctx, function, arguments...)
		if failed != nil {
			return 0, failed
		}
		return strconv.Atoi(string(raw))
	}
	has, err := amount(fnBalance, []byte(payee))
	if err != nil {
		return PaymentWay{}, err
	}
	rest, err := amount(fnTotal, count)
	if err != nil {
		return PaymentWay{}, err
	}
	t.way.Exact = has == t.way.Committed && has+rest == p.cfg.Payments
	t.way.Check = fmt.Sprintf("the payee has %d, the payers have %d of %d left", has, rest, p.cfg.Payments)
	t.way.Load = "a payer for each payment, as Fabric's ERC-20 sample pays: the balances of payer and payee are read and written"
	return t.way, nil
}
