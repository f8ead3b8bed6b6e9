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
	var members []Member
	var players []Player
	for i := range n {
		members = append(members, Member{Name: fmt.Sprintf("s%d", i), MSPID: string(rune('A' + i%4)), Stake: 10_000})
		players = append(players, Player{Name: members[i].Name, Strategy: Honest})
	}
	w, err := NewWorld(policy, members, shipments)
	if err != nil {
		t.Fatal(err)
	}
	return w, players
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
	var members []Member
	var players []Player
	for i := range 4 {
		members = append(members, Member{Name: fmt.Sprintf("s%d", i), MSPID: string(rune('A' + i)), Stake: 10_000})
		players = append(players, Player{Name: members[i].Name, Strategy: Honest})
	}
	untold := func(wire.Transaction) {}
	made := func(w *World, err error) *World {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := made(NewWorld(policy, members, 8))
	return []ground{
		{"first journeys", 50, first, players, false, []Move{LeaveOutSegment, LeaveOutEvent, PutElsewhere, BeginUnjudged, Twice, OtherWindow, AgainVoid, Beside, AfterAll}},
		{"later journeys", 22, made(NewReusedWorld(policy, members, 6, untold)), players, false, []Move{
			LeaveOutOpening, LeaveOutBoth, LeaveOutEarly, LeaveOutSegment, PutFormer, SkipWindow, BeginEarly, BeginWithin, BeginUnjudged, Twice,
		}},
		{"several loggers", 14, made(NewLoggersWorld(policy, members, 4, untold)), players, false, []Move{CutTail, CutBothTails, CutWithin}},
		{"a model revoked", 10, first, players, true, []Move{RevokeOpen, RevokeCommitted, RevokeRevealed, RevokeAnswered, RevokeChallenged}},
		{"padded lists", 4, made(NewPaddedWorld(policy, members, false)), players, false, []Move{PadReferences, PadPacks}},
	}
}

// One honest scorer, who challenges, stands against all others, whose stake is together, who agree on a lie and may
// choose times within what peers' clocks allow, and leave out, put in and claim what they like.
func TestOneHonestChallengerKeepsEveryVerdictRight(t *testing.T) {
	all := grounds(t, DefaultPolicy())
	r := rand.New(rand.NewPCG(3, 4))
	n := rounds(t, 400)
	for _, g := range all {
		playGround(t, g, max(n*g.share/100, 1), r)
	}
}

func playGround(t *testing.T, g ground, n int, r *rand.Rand) {
	t.Helper()
	right, void, claims, refuted, vain, cost, free := 0, 0, 0, 0, 0, 0, 0
	ended, without, moves := map[ledger.SettledBy]int{}, map[string]int{}, map[Move]int{}
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
		if out.Delta[g.players[honest].Name] < 0 {
			t.Errorf("%s, round %d: the honest scorer lost %d credits: %v", g.name, i, -out.Delta[g.players[honest].Name], w.Moves())
		}
		switch {
		case out.Final != nil:
			right++
		case out.Revoked && out.By == ledger.SettledRevoked:
			void++
			lost := int64(0)
			for _, p := range g.players {
				lost = min(lost, out.Delta[p.Name])
			}
			if lost < 0 {
				cost++
			} else {
				free++
			}
		default:
			without[out.Phase.String()+" "+out.By.String()]++
		}
		ended[out.Ended]++
		claims, refuted, vain = claims+out.Claims, refuted+out.Refuted, vain+out.Vain
		for m, k := range w.Moves() {
			moves[m] += k
		}
	}
	t.Logf("%s: %d rounds, 0 wrong final verdicts, %d right ones, %d void by revocation (lies cost in %d, in %d they did not), %d without one %v; %d false claims, %d refuted; %d void by a claim, which %d refutations tried in vain to refute; %d void by what is no window",
		g.name, n, right, void, cost, free, n-right-void, without, claims, refuted, ended[ledger.SettledOmission], vain, ended[ledger.SettledNoWindow])
	for _, m := range slices.Sorted(maps.Keys(moves)) {
		t.Logf("    %5d  %s", moves[m], m)
	}
	for _, m := range g.moves {
		if moves[m] == 0 && n > 20*len(g.moves) {
			t.Errorf("%s: never tried to %s", g.name, m)
		}
	}
	if right+void < n || claims != refuted {
		t.Errorf("%s: a round ended without what is right", g.name)
	}
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
