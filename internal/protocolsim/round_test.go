package protocolsim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// rounds is how many rounds a test plays: a few, or as many as WAYBILL_SCORING_ROUNDS says.
func rounds(t *testing.T, few int) int {
	t.Helper()
	if text := os.Getenv("WAYBILL_SCORING_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("WAYBILL_SCORING_ROUNDS=%q", text)
		}
		return n
	}
	if testing.Short() {
		return max(few/10, 20)
	}
	return few
}

func world(t testing.TB, n, shipments int) (*World, []Player) {
	t.Helper()
	return ruled(t, DefaultPolicy(), n, shipments)
}

func ruled(t testing.TB, policy ledger.ScoringPolicy, n, shipments int) (*World, []Player) {
	t.Helper()
	w, err := NewWorld(policy, members(n), shipments)
	if err != nil {
		t.Fatal(err)
	}
	return w, players(n)
}

// members are n scorers of organisations A to D by turns, with equal stakes.
func members(n int) (all []Member) {
	for i := range n {
		all = append(all, Member{Name: fmt.Sprintf("s%d", i), MSPID: string(rune('A' + i%4)), Stake: 10_000})
	}
	return all
}

// players are they, honest.
func players(n int) (all []Player) {
	for _, m := range members(n) {
		all = append(all, Player{Name: m.Name, Strategy: Honest})
	}
	return all
}

func TestHonestScorersAgreeAtOnceAndArePaid(t *testing.T) {
	base, players := world(t, 4, 2)
	r := rand.New(rand.NewPCG(1, 2))
	levels := map[ledger.VerdictLevel]int{}
	for i := range 40 {
		w := base.Clone()
		out, err := w.Play(base.Tasks[i%len(base.Tasks)], players, 1, r)
		if err != nil {
			t.Fatal(err)
		}
		if out.Final == nil || out.Wrong || out.By != ledger.SettledUnanimous && out.By != ledger.SettledDraw {
			t.Fatalf("%+v", out)
		}
		levels[out.Final.Answer.Level]++
		for _, p := range players {
			if out.Delta[p.Name] <= 0 {
				t.Errorf("%s: %d", p.Name, out.Delta[p.Name])
			}
		}
	}
	if len(levels) < 2 {
		t.Errorf("all shipments are judged alike: %v", levels)
	}
}

// ground is what rounds are played on, and how many of a hundred are.
type ground struct {
	name    string
	share   int
	base    *World
	players []Player
	revoked bool
	moves   []Move // each of them is tried
}

// grounds are all that OneHonest plays on, in shares of a hundred rounds.
func grounds(t testing.TB, policy ledger.ScoringPolicy) []ground {
	t.Helper()
	untold := func(wire.Transaction) {}
	made := func(w *World, err error) *World {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	first, players := made(NewWorld(policy, members(4), 8)), players(4)
	return []ground{
		{"first journeys", 48, first, players, false, []Move{LeaveOutSegment, LeaveOutEvent, PutElsewhere, BeginUnjudged, BeginWithin, Twice, OtherWindow, AgainVoid, Beside, AfterAll}},
		{"later journeys", 22, made(NewReusedWorld(policy, members(4), 6, untold)), players, false, []Move{
			LeaveOutOpening, LeaveOutBoth, LeaveOutEarly, LeaveOutSegment, PutFormer, SkipWindow, BeginEarly, BeginWithin, BeginUnjudged, Twice,
		}},
		{"several loggers", 14, made(NewLoggersWorld(policy, members(4), 4, untold)), players, false, []Move{CutTail, CutBothTails, CutWithin}},
		{"a model revoked", 10, first, players, true, []Move{RevokeOpen, RevokeCommitted, RevokeRevealed, RevokeAnswered, RevokeChallenged}},
		{"lists padded with what is recorded", 4, made(NewPaddedWorld(policy, members(4), false)), players, false, []Move{PadReferences, PadPacks}},
		{"lists padded with bytes", 2, made(NewPaddedWorld(policy, members(4), true)), players, false, []Move{PadBytes, PadBeyond}},
	}
}

// One honest scorer, who challenges, stands against all others, whose stake is together, who agree on a lie and may
// choose times within what peers' clocks allow, and leave out, put in and claim what they like.
func TestOneHonestChallengerKeepsEveryVerdictRight(t *testing.T) {
	all := grounds(t, DefaultPolicy())
	r := rand.New(rand.NewPCG(3, 4))
	n := rounds(t, 400)
	var sum tally
	for _, g := range all {
		sum.add(playGround(t, g, max(n*g.share/100, 1), r))
	}
	t.Log(sum)
}

// tally is what rounds came to.
type tally struct{ rounds, right, void, claims, refuted, omitted, disproved, voided int }

func (y *tally) add(o tally) {
	y.rounds, y.right, y.void = y.rounds+o.rounds, y.right+o.right, y.void+o.void
	y.claims, y.refuted = y.claims+o.claims, y.refuted+o.refuted
	y.omitted, y.disproved, y.voided = y.omitted+o.omitted, y.disproved+o.disproved, y.voided+o.voided
}

func (y tally) String() string {
	return fmt.Sprintf("%d rounds: 0 wrong final verdicts, %d right ones, %d without one since the model was revoked; %d false claims, %d refuted; "+
		"%d lists left something out and were void by a claim, which %d refutations tried in vain to refute; %d lists were void otherwise",
		y.rounds, y.right, y.void, y.claims, y.refuted, y.omitted, y.disproved, y.voided)
}

// playGround plays rounds and holds that nothing wrong is final, that the honest scorer loses nothing, that every lie on a model that
// was revoked costs, and that each way of lying was tried.
func playGround(t *testing.T, g ground, n int, r *rand.Rand) tally {
	t.Helper()
	y := tally{rounds: n}
	without, moves := map[string]int{}, map[Move]int{}
	for i := range n {
		w := g.base.Clone()
		honest := r.IntN(len(g.players))
		task := g.base.Tasks[r.IntN(len(g.base.Tasks))]
		attack := w.Attack
		if g.revoked {
			attack = w.AttackRevoked
		}
		out, err := attack(task, g.players, honest, r)
		if err != nil {
			t.Fatalf("%s, round %d: %v", g.name, i, err)
		}
		if out.Wrong {
			t.Fatalf("%s, round %d: a wrong verdict is final by %s: %v", g.name, i, out.By, w.Moves())
		}
		if own := out.Delta[g.players[honest].Name]; own < 0 {
			t.Errorf("%s, round %d: the honest scorer lost %d credits: %v", g.name, i, -own, w.Moves())
		}
		switch {
		case out.Final != nil:
			y.right++
		case out.Revoked && out.By == ledger.SettledRevoked:
			y.void++
			if !slices.ContainsFunc(g.players, func(p Player) bool { return out.Delta[p.Name] < 0 }) {
				t.Errorf("%s, round %d: nobody's lie cost anything: %v", g.name, i, w.Moves())
			}
		default:
			without[out.Phase.String()+" "+out.By.String()]++
		}
		y.add(tally{claims: out.Claims, refuted: out.Refuted, disproved: out.Vain})
		switch out.Ended {
		case ledger.SettledOmission:
			y.omitted++
		case 0:
		default:
			y.voided++
		}
		for m, k := range w.Moves() {
			moves[m] += k
		}
	}
	t.Logf("%s: %s", g.name, y)
	for _, m := range slices.Sorted(maps.Keys(moves)) {
		t.Logf("    %5d  %s", moves[m], m)
	}
	all := slices.Clone(g.moves)
	for _, task := range g.base.Tasks {
		for _, d := range task.Decoys {
			if n >= 1_000 {
				all = append(all, claimOf(d))
			}
		}
		for _, p := range task.schemes {
			if n >= 200 && !g.revoked {
				all = append(all, p.move)
			}
		}
	}
	for _, m := range all {
		if moves[m] == 0 && n >= 20*len(g.moves) {
			t.Errorf("%s: never tried to %s", g.name, m)
		}
	}
	if y.right+y.void < n || y.claims != y.refuted {
		t.Errorf("%s: a round ended without what is right: %v", g.name, without)
	}
	return y
}

func BenchmarkRound(b *testing.B) {
	base, players := world(b, 4, 8)
	r := rand.New(rand.NewPCG(5, 6))
	for b.Loop() {
		w := base.Clone()
		if _, err := w.Play(base.Tasks[r.IntN(len(base.Tasks))], players, 1, r); err != nil {
			b.Fatal(err)
		}
	}
}
