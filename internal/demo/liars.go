package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/liar"
	"github.com/waybill-dev/waybill/internal/stack"
)

// catchPatience is how long a lie may stay unpunished after the day: silence is proven seconds after the time to reveal.
const catchPatience = 45 * time.Second

// lies are what the assessor says that is not so, of a day: that a bad shipment is clear, that a good one is not, what
// another committed to, nothing, and that a right task leaves something out.
func lies(truth []simulate.Truth) []liar.Lie {
	var bad, good, rest []string
	for _, t := range truth {
		switch {
		case t.Fault == simulate.FaultNone && len(good) == 0:
			good = append(good, t.Shipment)
		case t.AtLeast == ledger.Quarantine && len(bad) == 0:
			bad = append(bad, t.Shipment)
		default:
			rest = append(rest, t.Shipment)
		}
	}
	var all []liar.Lie
	if len(bad) > 0 {
		all = append(all, liar.Lie{Way: liar.Wrong, Shipments: bad, Say: ledger.Clear, AtLeast: ledger.Quarantine})
	}
	if len(good) > 0 {
		all = append(all, liar.Lie{Way: liar.Wrong, Shipments: good, Say: ledger.Quarantine})
	}
	if len(rest) > 1 {
		// The first windows that fall due: by the end of the day their time to be revealed is over.
		all = append(all, liar.Lie{Way: liar.Copied, Shipments: rest}, liar.Lie{Way: liar.Silent, Shipments: rest}, liar.Lie{Way: liar.Denied, Shipments: rest})
	}
	return all
}

// ScoringReport says how four scorers reached their verdicts, one of whom lied.
type ScoringReport struct {
	Liar    string      `json:"liar"`
	Lies    []LieRow    `json:"lies"`
	Scorers []ScorerRow `json:"scorers"`
	Credits CreditsRow  `json:"credits"`
	// Windows were judged; of Final the final verdict is the scoring engine's, bit for bit.
	// By four were judged those whose task had all four scorers on its panel.
	Windows int    `json:"windows"`
	ByFour  int    `json:"by_four"`
	Final   int    `json:"final"`
	Why     string `json:"why,omitempty"`
	OK      bool   `json:"ok"`
}

// LieRow is a lie, and what became of it.
type LieRow struct {
	Lie      string `json:"lie"`
	Shipment string `json:"shipment"`
	Window   uint32 `json:"window"`
	Task     string `json:"task"`
	Said     string `json:"said"`
	// Stands is what the final verdict says, Engine what the scoring engine does.
	Stands string `json:"stands"`
	Engine string `json:"engine"`
	// Caught says how, By which organisation proved it.
	Caught      string         `json:"caught"`
	By          string         `json:"by"`
	Block       uint64         `json:"block"`
	Transaction string         `json:"transaction"`
	Cost        ledger.Credits `json:"cost"`
	Reward      ledger.Credits `json:"reward"` // of the cost, who proved it got
	OK          bool           `json:"ok"`
	Why         string         `json:"why,omitempty"`
}

// ScorerRow is how a scorer stands after the day, in all of its time.
type ScorerRow struct {
	Organisation string `json:"organisation"`
	Stake        uint64 `json:"stake"`
	Rewards      uint64 `json:"rewards"`
	Found        uint64 `json:"found"`
	Slashed      uint64 `json:"slashed"`
	Right        uint64 `json:"right"`
	Wrong        uint64 `json:"wrong"`
	Silent       uint64 `json:"silent"`
	Reputation   uint64 `json:"reputation_millionths"`
}

// CreditsRow is the conservation of credits, by the ledger's own sum.
type CreditsRow struct {
	Minted   ledger.Credits `json:"minted"`
	Burned   ledger.Credits `json:"burned"`
	Unspent  ledger.Credits `json:"unspent"`
	Locked   ledger.Credits `json:"locked"`
	Balanced bool           `json:"balanced"`
}

// court reads on the ledger what became of lies, through the peer of an organisation that told none.
type court struct {
	panel  *Panel
	client *fabric.Client
	names  map[ledger.Digest]string
}

func newCourt(s *stack.Stack, p *Panel) (*court, error) {
	own, err := s.Profile(auditor)
	if err != nil {
		return nil, err
	}
	client, err := fabric.Dial(own, profile.IdentityDashboard, fabric.Options{OwnPeersOnly: true})
	if err != nil {
		return nil, err
	}
	c := &court{panel: p, client: client, names: map[ledger.Digest]string{}}
	for org, account := range p.founded.Accounts {
		c.names[account] = org
	}
	return c, nil
}

// asked decodes what the ledger answers, and gives nil for what is not there.
func asked[T any](ctx context.Context, c *court, decode func([]byte, int) (T, error), function string, arguments ...string) (*T, error) {
	raw := make([][]byte, len(arguments))
	for i, a := range arguments {
		raw[i] = []byte(a)
	}
	answer, err := c.client.Evaluate(ctx, function, raw...)
	if e, ok := errors.AsType[*fabric.Error](err); ok && e.Code == ledger.CodeNotFound {
		return nil, nil //nolint:nilnil // it is not there yet
	}
	if err != nil {
		return nil, err
	}
	value, err := decode(answer, wire.MaxStoredBytes)
	return &value, err
}

// scoring gathers how the four scorers did. It waits for what lies are yet to cost.
func (r *Report) scoring(ctx context.Context, s *stack.Stack, p *Panel, planned int, shipments []string, verdicts map[string][]*waybillv1.Verdict, progress Progress) error {
	c, err := newCourt(s, p)
	if err != nil {
		return err
	}
	defer c.client.Close() //nolint:errcheck // nothing is under way any more
	out := &r.Scoring
	out.Liar = Assessor
	var compared, settled atomic.Int64
	defer progress.Track(func() []Counter {
		return []Counter{{"shipments compared with the engine", compared.Load(), int64(len(shipments))}, {"lies paid for", settled.Load(), int64(planned)}}
	})()
	if err = c.finals(ctx, out, shipments, verdicts, &compared); err != nil {
		return err
	}
	if out.Lies, err = c.lies(ctx, &settled); err != nil {
		return err
	}
	if out.Credits, err = c.credits(ctx); err != nil {
		return err
	}
	if out.Scorers, err = c.scorers(ctx, s); err != nil {
		return err
	}
	out.settle(planned)
	return nil
}

// finals compares the final verdict on each window with the engine's.
func (c *court) finals(ctx context.Context, out *ScoringReport, shipments []string, verdicts map[string][]*waybillv1.Verdict, compared *atomic.Int64) error {
	for i, shipment := range shipments {
		compared.Store(int64(i))
		engine, err := c.panel.liar.Engine(shipment)
		if err != nil {
			return err
		}
		for _, v := range verdicts[shipment] {
			if _, judged := engine[v.GetWindow()]; !judged {
				out.fault(fmt.Sprintf("window %d of %s was judged, and the engine does not judge it", v.GetWindow(), shortEPC(shipment)))
			}
		}
		for _, window := range slices.Sorted(maps.Keys(engine)) {
			out.Windows++
			final, err := asked(ctx, c, wire.Decode[ledger.FinalVerdict], wire.FnGetFinal, shipment, strconv.FormatUint(uint64(window), 10), engine[window].Model)
			switch {
			case err != nil:
				return err
			case final == nil:
				out.fault(fmt.Sprintf("window %d of %s has no final verdict", window, shortEPC(shipment)))
			case final.Answer != engine[window]:
				out.fault(fmt.Sprintf("the final verdict on window %d of %s is not the engine's", window, shortEPC(shipment)))
			default:
				out.Final++
			}
			if final == nil {
				continue
			}
			task, err := asked(ctx, c, wire.Decode[ledger.TaskView], wire.FnGetTask, final.Task.String())
			if err != nil {
				return err
			}
			if task != nil && len(task.Task.Panel) == scorers {
				out.ByFour++
			}
		}
	}
	compared.Store(int64(len(shipments)))
	return nil
}

func (r *ScoringReport) fault(why string) {
	if r.Why == "" {
		r.Why = why
	}
}

// lies gives a row for each lie, once all have been paid for or patience is over.
func (c *court) lies(ctx context.Context, settled *atomic.Int64) ([]LieRow, error) {
	told := c.panel.liar.Told()
	rows := make([]LieRow, len(told))
	patience, cancel := context.WithTimeout(ctx, catchPatience)
	defer cancel()
	for i, t := range told {
		for {
			row, err := c.lie(ctx, t)
			if err != nil {
				return nil, err
			}
			if rows[i] = row; row.OK {
				settled.Add(1)
				break
			}
			select {
			case <-patience.Done():
			case <-time.After(retryPause):
				continue
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			break
		}
	}
	return rows, nil
}

// lie tells what became of one.
func (c *court) lie(ctx context.Context, t liar.Told) (LieRow, error) {
	row := LieRow{Lie: string(t.Lie.Way), Shipment: t.Shipment, Window: t.Window, Task: t.Task.String(), Engine: t.Engine.Level.String()}
	fault := "silent/" + row.Task
	switch t.Lie.Way {
	case liar.Wrong:
		fault, row.Said = "wrong/"+row.Task, t.Said.Level.String()
	case liar.Copied:
		row.Said = "what " + c.names[t.Whose] + " committed to"
		if t.Refused != "" {
			row.Said += ", and could not reveal it"
		}
	case liar.Silent:
		row.Said = "nothing"
	case liar.Denied:
		fault, row.Said = "claim/"+row.Task, "that event "+shortTx(t.Omitted.String())+" is left out"
	}
	task, err := asked(ctx, c, wire.Decode[ledger.TaskView], wire.FnGetTask, row.Task)
	if err != nil {
		return row, err
	}
	if task == nil || task.Settlement == nil || task.Settlement.Answer == nil {
		row.Why = "its task has no final answer"
		return row, nil
	}
	row.Stands = task.Settlement.Answer.Level.String()
	subject, err := wire.SlashDigest(ledger.Slash{Account: c.panel.founded.Accounts[Assessor], Fault: fault})
	if err != nil {
		return row, err
	}
	slash, err := asked(ctx, c, wire.Decode[ledger.Receipt], wire.FnGetReceipt, subject.String())
	if err != nil {
		return row, err
	}
	if slash == nil {
		row.Why, err = c.unpaid(ctx, t)
		return row, err
	}
	row.Transaction, row.Cost = slash.TxID, slash.Burned
	for _, n := range slash.Created {
		if n.Note.Lock == nil {
			row.By, row.Reward = c.names[n.Note.Owner], n.Note.Amount
			row.Cost += n.Note.Amount
		}
	}
	switch t.Lie.Way {
	case liar.Wrong:
		row.Caught = task.Settlement.By.String()
	case liar.Denied:
		row.Caught = refutedBy(task.Claims)
	case liar.Copied, liar.Silent:
		row.Caught = "shown silent"
	}
	status, err := c.client.Commit(ctx, slash.TxID)
	if err != nil {
		return row, err
	}
	row.Block = status.Block
	if row.OK = *task.Settlement.Answer == t.Engine; !row.OK {
		row.Why = "what stands is not the engine's answer"
	}
	return row, nil
}

// refutedBy tells by which root of the proof log a claim was refuted.
func refutedBy(claims []ledger.Claim) string {
	for _, c := range claims {
		if c.Refuted != nil {
			return fmt.Sprintf("refuted, root %d", c.Refuted.Height)
		}
	}
	return ""
}

// unpaid tells why nothing was taken for what a lie is.
func (c *court) unpaid(ctx context.Context, t liar.Told) (string, error) {
	account := c.panel.founded.Accounts[Assessor]
	for kind, what := range map[string]string{"wrong/": "was paid for as a wrong answer", "silent/": "was paid for as silence, since it was not revealed in time"} {
		subject, err := wire.SlashDigest(ledger.Slash{Account: account, Fault: kind + t.Task.String()})
		if err != nil {
			return "", err
		}
		slash, err := asked(ctx, c, wire.Decode[ledger.Receipt], wire.FnGetReceipt, subject.String())
		if err != nil {
			return "", err
		}
		if slash != nil {
			return "it " + what, nil
		}
	}
	stake, err := asked(ctx, c, wire.Decode[ledger.Stake], wire.FnGetStake, account.String())
	if err != nil {
		return "", err
	}
	return nothingTaken(stake), nil
}

// nothingTaken tells why a stake was not touched.
func nothingTaken(s *ledger.Stake) string {
	if s == nil || s.Bonded > 0 || len(s.Unbonding) > 0 {
		return "nothing was taken for it"
	}
	return fmt.Sprintf("nothing was left to take for it: the stake's %d credits had gone for other lies", s.Slashed)
}

// credits has the ledger add up.
func (c *court) credits(ctx context.Context) (CreditsRow, error) {
	var all ledger.CreditSums
	for from := ""; ; from = all.Next {
		part, err := asked(ctx, c, wire.Decode[ledger.CreditSums], wire.FnGetCreditSums, from)
		if err != nil {
			return CreditsRow{}, err
		}
		if part == nil {
			return CreditsRow{}, fmt.Errorf("%w: no sums", ErrProtocol)
		}
		all.Minted, all.Burned, all.Unspent, all.Locked, all.Next = all.Minted+part.Minted, all.Burned+part.Burned, all.Unspent+part.Unspent, all.Locked+part.Locked, part.Next
		if all.Next == "" {
			break
		}
	}
	return CreditsRow{Minted: all.Minted, Burned: all.Burned, Unspent: all.Unspent, Locked: all.Locked, Balanced: all.Check() == nil}, nil
}

// scorers asks the API for how each scorer did, once it has read what the ledger says of the liar's stake.
func (c *court) scorers(ctx context.Context, s *stack.Stack) ([]ScorerRow, error) {
	conn, err := s.Dial(auditor, profile.IdentityDashboard)
	if err != nil {
		return nil, err
	}
	api := waybillv1.NewScoringServiceClient(conn)
	account := c.panel.founded.Accounts[Assessor]
	onLedger, err := asked(ctx, c, wire.Decode[ledger.Stake], wire.FnGetStake, account.String())
	if err != nil {
		return nil, err
	}
	if onLedger == nil {
		return nil, fmt.Errorf("%w: the stake of %s is not on the ledger", ErrProtocol, Assessor)
	}
	patience, cancel := context.WithTimeout(ctx, catchPatience)
	defer cancel()
	for {
		answer, err := api.ListScorers(ctx, &waybillv1.ListScorersRequest{})
		if err != nil {
			return nil, fmt.Errorf("listing scorers: %w", err)
		}
		var rows []ScorerRow
		read := false
		for _, one := range answer.GetScorers() {
			id, err := ledger.ParseDigest(one.GetAccount())
			if err != nil {
				return nil, err
			}
			name, ours := c.names[id]
			if !ours {
				continue
			}
			r := one.GetReputation()
			read = read || id == account && one.GetStake().GetSlashed() >= uint64(onLedger.Slashed)
			rows = append(rows, ScorerRow{
				Organisation: name, Stake: one.GetStake().GetBonded(), Rewards: one.GetRewarded(), Found: one.GetFound(), Slashed: one.GetSlashed(),
				Right: r.GetRight(), Wrong: r.GetWrong(), Silent: r.GetSilent(), Reputation: r.GetScoreMillionths(),
			})
		}
		if read {
			order := append(organisations(), Assessor)
			slices.SortFunc(rows, func(a, b ScorerRow) int {
				return slices.Index(order, a.Organisation) - slices.Index(order, b.Organisation)
			})
			return rows, nil
		}
		select {
		case <-patience.Done():
			return nil, fmt.Errorf("%w: the server of %s does not read what the ledger says of stakes", ErrProtocol, auditor)
		case <-time.After(retryPause):
		}
	}
}

// settle decides.
func (r *ScoringReport) settle(planned int) {
	if len(r.Lies) != planned {
		r.fault(fmt.Sprintf("of %d lies %d were told", planned, len(r.Lies)))
	}
	for _, l := range r.Lies {
		if !l.OK {
			r.fault(fmt.Sprintf("%s about window %d of %s: %s", l.Lie, l.Window, shortEPC(l.Shipment), l.Why))
		}
	}
	if len(r.Scorers) != len(organisations())+1 {
		r.fault(fmt.Sprintf("%d scorers", len(r.Scorers)))
	}
	for _, s := range r.Scorers {
		if s.Organisation != r.Liar && s.Wrong > 0 { // late it may be, on a machine that is busy
			r.fault(s.Organisation + " is honest, and was found wrong")
		}
	}
	if !r.Credits.Balanced {
		r.fault("the credits do not balance")
	}
	r.OK = r.Why == "" && r.Windows > 0 && r.Final == r.Windows
}

// verdicts gives the verdicts on the shipments once there is one on every window that the engine judges, or patience is
// over: one that the liar keeps back stands seconds after the shipment's last.
func (p *Panel) verdicts(ctx context.Context, patience time.Duration, api waybillv1.VerdictServiceClient, shipments []string) (map[string][]*waybillv1.Verdict, error) {
	least, until := -1, time.Now().Add(patience)
	for {
		all, err := verdictsOf(ctx, api, shipments)
		if err != nil {
			return nil, err
		}
		missing := 0
		for _, shipment := range shipments {
			engine, err := p.liar.Engine(shipment)
			if err != nil {
				return nil, err
			}
			missing += max(len(engine)-len(all[shipment]), 0)
		}
		if least < 0 || missing < least {
			least, until = missing, time.Now().Add(patience)
		}
		if missing == 0 || time.Now().After(until) {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(retryPause):
		}
	}
}
