package protocolsim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
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

// One honest scorer, who challenges, stands against all others, whose stake is together, who agree on a lie and may
// choose times within what peers' clocks allow, and leave out, put in and claim what they like.
func TestOneHonestChallengerKeepsEveryVerdictRight(t *testing.T) {
	base, players := world(t, 4, 8)
	r := rand.New(rand.NewPCG(3, 4))
	right, claims, refuted, vain := 0, 0, 0, 0
	ended, without := map[ledger.SettledBy]int{}, map[string]int{}
	n := rounds(t, 400)
	for i := range n {
		w := base.Clone()
		honest := r.IntN(len(players))
		task := base.Tasks[r.IntN(len(base.Tasks))]
		out, err := w.Attack(task, players, honest, r)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if out.Wrong {
			t.Fatalf("round %d: a wrong verdict is final by %s", i, out.By)
		}
		if out.Final != nil {
			right++
		} else {
			without[out.Phase.String()+" "+out.By.String()]++
		}
		ended[out.Ended]++
		claims, refuted, vain = claims+out.Claims, refuted+out.Refuted, vain+out.Vain
	}
	t.Logf("%d rounds: 0 wrong final verdicts, %d right ones, %d rounds without one %v", n, right, n-right, without)
	t.Logf("%d false claims, %d refuted; %d tasks left something out and were void by a claim, which %d refutations tried in vain to refute; %d put an event where the log does not have it, and were void by that",
		claims, refuted, ended[ledger.SettledOmission], vain, ended[ledger.SettledNoWindow])
	if right < n || claims == 0 || claims != refuted || vain == 0 || ended[ledger.SettledOmission] == 0 || ended[ledger.SettledNoWindow] == 0 {
		t.Error("a round ended without a final verdict, or not all was tried")
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
