package protocolsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"text/tabwriter"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// DefaultPolicy is the policy whose economics the simulator and the documents measure.
func DefaultPolicy() ledger.ScoringPolicy {
	return ledger.ScoringPolicy{
		Version: 1, MinStake: 1_000, CommitFor: 30_000, RevealFor: ledger.MinPhase, ChallengeFor: ledger.MinPhase,
		Reward: 48, Jackpot: 400, Canary: 20_000, Wrong: 200_000, Silent: 20_000, Bond: 500, Finder: 500_000,
		Blend: ledger.BlendPolicy{Cap: 334_000, Truth: 48}, AtOnce: true,
	}
}

// Config is what Simulate plays.
type Config struct {
	Policy ledger.ScoringPolicy
	// Scorers are how many sit on a panel; one of them is dishonest, or a cartel of the last ones, or three fourths.
	Scorers int
	// Stake is that of the whole panel.
	Stake ledger.Credits
	// Rounds are played for each case.
	Rounds int
	Seed   uint64
	// Compute is what running the engine costs, Fee what a transaction costs, in credits.
	Compute, Fee float64
	// Watches are the chances that an honest scorer looks at what others revealed.
	Watches []Watch
	// Shares are those of a cartel in the panel's stake.
	Shares []float64
	// Progress is told after each case, may be nil.
	Progress func(done, all int)
}

// DefaultConfig is the grid of the documents.
func DefaultConfig() Config {
	return Config{
		Policy: DefaultPolicy(), Scorers: 4, Stake: 40_000, Rounds: 300, Seed: 1, Compute: 1, Fee: 1,
		Watches: []Watch{1, 0.5, 0.1, 0}, Shares: []float64{0.10, 0.20, 0.30, 0.34, 0.40, 0.49},
	}
}

// Bounds of a simulation.
const (
	MaxRounds  = 1_000_000
	minScorers = 4
)

// ErrConfig says that a simulation cannot be.
var ErrConfig = errors.New("impossible simulation")

func (c Config) check() error {
	switch {
	case c.Scorers < minScorers || c.Scorers > ledger.MaxScorers:
		return fmt.Errorf("%w: from %d to %d scorers", ErrConfig, minScorers, ledger.MaxScorers)
	case c.Rounds < 1 || c.Rounds > MaxRounds:
		return fmt.Errorf("%w: from 1 to %d rounds", ErrConfig, MaxRounds)
	case c.Stake < c.Policy.MinStake*ledger.Credits(2*c.Scorers) || c.Stake > ledger.MaxCredits:
		return fmt.Errorf("%w: a stake of %d", ErrConfig, c.Stake)
	case !(c.Compute >= 0) || !(c.Fee >= 0) || math.IsInf(c.Compute, 0) || math.IsInf(c.Fee, 0) || len(c.Watches) == 0:
		return fmt.Errorf("%w: costs are not negative, and some watch is asked for", ErrConfig)
	}
	for _, w := range c.Watches {
		if !(w >= 0 && w <= 1) {
			return fmt.Errorf("%w: a chance of %v", ErrConfig, w)
		}
	}
	for _, s := range c.Shares {
		if !(s > 0 && s < 0.5) {
			return fmt.Errorf("%w: a cartel with %v of the stake", ErrConfig, s)
		}
	}
	return ledger.CheckScoringPolicy(c.Policy)
}

// Row is what a case came to.
type Row struct {
	Strategy Strategy `json:"strategy"`
	Share    float64  `json:"share"` // of the stake that plays it
	Watch    float64  `json:"watch"`
	Rounds   int      `json:"rounds"`
	// Value is the mean that one who plays the strategy earns in a round, after costs, in credits; Error is the mean's
	// standard error. Honest is what an honest scorer beside it earns.
	Value  float64 `json:"value"`
	Error  float64 `json:"error"`
	Honest float64 `json:"honest"`
	Wrong  int     `json:"wrong"`  // final verdicts that are not the engine's
	None   int     `json:"none"`   // rounds without a final verdict
	Ruled  int     `json:"ruled"`  // rounds that the referee re-executed
	AtOnce int     `json:"atOnce"` // rounds in which the whole panel agreed
	// Claims are the false claims that something is left out, Refuted those that were refuted.
	Claims  int `json:"claims"`
	Refuted int `json:"refuted"`
}

// Report is what a simulation came to.
type Report struct {
	Policy  ledger.ScoringPolicy `json:"policy"`
	Scorers int                  `json:"scorers"`
	Stake   ledger.Credits       `json:"stake"`
	Compute float64              `json:"compute"`
	Fee     float64              `json:"fee"`
	Seed    uint64               `json:"seed"`
	Rows    []Row                `json:"rows"`
}

// Rounds is how many were played.
func (r Report) Rounds() int {
	n := 0
	for _, row := range r.Rows {
		n += row.Rounds
	}
	return n
}

// plan is a case: who plays what with which stake.
type plan struct {
	strategy Strategy
	share    float64
	members  []Member
	players  []Player
}

// plans lists the cases: all honest, one of each dishonest strategy, cartels, and most of the panel with a list of another order.
func (c Config) plans() []plan {
	even := c.Stake / ledger.Credits(c.Scorers) //nolint:gosec // checked
	organisations := max(minScorers, (c.Scorers+ledger.MaxOrganisationScorers-1)/ledger.MaxOrganisationScorers)
	table := func(s Strategy, dishonest int, stake func(i int) ledger.Credits) plan {
		p := plan{strategy: s}
		for i := range c.Scorers {
			m := Member{Name: fmt.Sprintf("s%d", i), MSPID: fmt.Sprintf("%c", 'A'+i%organisations), Stake: stake(i)}
			player := Player{Name: m.Name, Strategy: Honest}
			if i >= c.Scorers-dishonest {
				player.Strategy = s
				p.share += float64(m.Stake) / float64(c.Stake)
			}
			p.members, p.players = append(p.members, m), append(p.players, player)
		}
		return p
	}
	all := []plan{table(Honest, 0, func(int) ledger.Credits { return even })}
	all[0].share = 1
	for _, s := range Strategies() {
		if s != Cartel {
			all = append(all, table(s, 1, func(int) ledger.Credits { return even }))
		}
	}
	half := c.Scorers / 2
	for _, share := range c.Shares {
		theirs := ledger.Credits(share * float64(c.Stake))
		p := table(Cartel, half, func(i int) ledger.Credits {
			if i >= c.Scorers-half {
				return theirs / ledger.Credits(half) //nolint:gosec // checked
			}
			return (c.Stake - theirs) / ledger.Credits(c.Scorers-half) //nolint:gosec // checked
		})
		p.share = share
		all = append(all, p)
	}
	// Three fourths of the stake, so that what is left takes no list to its end by itself.
	return append(all, table(Reorder, (3*c.Scorers+3)/4, func(int) ledger.Credits { return even }))
}

// Simulate plays every case with every watch. It ends early with the context's error.
func Simulate(ctx context.Context, cfg Config) (Report, error) {
	report := Report{Policy: cfg.Policy, Scorers: cfg.Scorers, Stake: cfg.Stake, Compute: cfg.Compute, Fee: cfg.Fee, Seed: cfg.Seed}
	if err := cfg.check(); err != nil {
		return report, err
	}
	plans := cfg.plans()
	for i, p := range plans {
		base, err := NewWorld(cfg.Policy, p.members, 8)
		if err != nil {
			return report, err
		}
		for k, watch := range cfg.Watches {
			// Every case draws from its own source, so that leaving one out changes no other.
			r := rand.New(rand.NewPCG(cfg.Seed, uint64(i)<<32|uint64(k))) //nolint:gosec // a simulation, not a secret
			row, err := cfg.play(ctx, base, p, watch, r)
			if err != nil {
				return report, fmt.Errorf("%s: %w", p.strategy, err)
			}
			report.Rows = append(report.Rows, row)
			if cfg.Progress != nil {
				cfg.Progress(len(report.Rows), len(plans)*len(cfg.Watches))
			}
		}
	}
	return report, nil
}

func (c Config) play(ctx context.Context, base *World, p plan, watch Watch, r *rand.Rand) (Row, error) {
	row := Row{Strategy: p.strategy, Share: p.share, Watch: float64(watch), Rounds: c.Rounds}
	var mean, squares, honest float64
	for n := range c.Rounds {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		out, err := base.Clone().Play(base.Tasks[r.IntN(len(base.Tasks))], p.players, watch, r)
		if err != nil {
			return row, fmt.Errorf("round %d: %w", n, err)
		}
		var own, others, count, rest float64
		for _, player := range p.players {
			value := float64(out.Delta[player.Name]) - c.Fee*float64(out.Sent[player.Name])
			if player.Strategy.runsEngine() {
				value -= c.Compute
			}
			if player.Strategy == p.strategy {
				own, count = own+value, count+1
			}
			if player.Strategy == Honest {
				others, rest = others+value, rest+1
			}
		}
		value := own / count
		d := value - mean
		mean += d / float64(n+1)
		squares += d * (value - mean)
		honest += (others/rest - honest) / float64(n+1)
		row.Claims, row.Refuted = row.Claims+out.Claims, row.Refuted+out.Refuted
		if out.Wrong {
			row.Wrong++
		}
		if out.Final == nil {
			row.None++
		}
		switch out.By {
		case ledger.SettledDraw, ledger.SettledSplit, ledger.SettledChallenge:
			row.Ruled++
		case ledger.SettledUnanimous:
			row.AtOnce++
		default:
		}
	}
	row.Value, row.Honest = mean, honest
	if c.Rounds > 1 {
		row.Error = math.Sqrt(squares / float64(c.Rounds-1) / float64(c.Rounds))
	}
	return row, nil
}

// Text writes the report for a person.
func (r Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "%d scorers with %d credits at stake, %d rounds. A task pays %d, and %d more when drawn (%.1f %%); a wrong answer costs\n"+
		"%.0f %% of the stake, silence %.0f %%; who proves it gets %.0f %% of that. An engine run costs %g, a transaction %g.\n\n",
		r.Scorers, r.Stake, r.Rounds(), r.Policy.Reward, r.Policy.Jackpot, percent(r.Policy.Canary), percent(r.Policy.Wrong), percent(r.Policy.Silent),
		percent(r.Policy.Finder), r.Compute, r.Fee)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "strategy\tstake\twatch\tvalue a round\t±\thonest beside\twrong final\tno final\tre-executed\tat once\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%.0f %%\t%.0f %%\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t\n", row.Strategy, 100*row.Share, 100*row.Watch, row.Value, row.Error,
			row.Honest, row.Wrong, row.None, row.Ruled, row.AtOnce)
	}
	return t.Flush()
}

func percent(millionths uint64) float64 { return float64(millionths) / 10_000 }
