package simulate

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

func mustRecall(t testing.TB, cfg Config) *Recall {
	t.Helper()
	story, err := NewRecall(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return story
}

func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	text := func(seed uint64) string {
		raw, err := json.Marshal(mustRecall(t, Config{Seed: seed, Now: now}))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := text(1)
	if again := text(1); again != first {
		t.Error("two stories of one seed differ")
	}
	if text(2) == first {
		t.Error("two seeds tell one story")
	}
	if _, err := NewRecall(Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("without a time: %v", err)
	}
}

func TestAStoryIsOrderedValidAndPast(t *testing.T) {
	seen := map[ledger.Digest]int{}
	for run, cfg := range []Config{{Seed: 1, Now: now}, {Seed: 1, Now: now.Add(time.Second)}, {Seed: 2, Now: now}} {
		story := mustRecall(t, cfg)
		events := map[ledger.Digest]bool{}
		var at time.Time
		for _, a := range story.Actions {
			if a.At.Before(at) || !a.At.Before(cfg.Now) {
				t.Fatalf("an action at %s, after %s, now is %s", a.At, at, cfg.Now)
			}
			at = a.At
			e, err := epcis.ParseEvent(a.Event.Context, a.Event.Body)
			if err != nil {
				t.Fatalf("%s: %v", a.Event.Body, err)
			}
			hash := ledger.Digest(e.Hash())
			if other, twice := seen[hash]; twice {
				t.Fatalf("runs %d and %d share %s", other, run, a.Event.Body)
			}
			seen[hash], events[hash] = run, true
		}
		if !events[story.Inspection] {
			t.Error("the inspection is no event of the story")
		}
		for _, f := range story.Findings {
			if !events[f.Event] || f.Code == "" || f.Story == "" {
				t.Errorf("a finding that the story does not tell: %+v", f)
			}
		}
	}
}

func TestAStorySaysOfEachThingOnceWhetherARecallReachesIt(t *testing.T) {
	for seed := range uint64(20) {
		story := mustRecall(t, Config{Seed: seed, Now: now})
		told := map[string]bool{}
		tell := func(id string) {
			if told[id] || id == "" {
				t.Fatalf("seed %d tells of %q twice", seed, id)
			}
			told[id] = true
		}
		degrees, statuses := map[string]int{}, map[string]int{}
		for _, r := range story.Reached {
			tell(r.ID)
			degrees[r.Degree]++
			statuses[r.Status]++
			if r.Transformation != (r.Holder == "") {
				t.Errorf("%+v", r)
			}
		}
		for _, id := range story.Unreached {
			tell(id)
		}
		if story.Reached[0].ID != story.Lot || degrees[DegreeSubject] != 1 || degrees[DegreeContains] < 50 || degrees[DegreeTouched] < 5 {
			t.Errorf("seed %d: %v", seed, degrees)
		}
		for _, status := range []string{StatusHeld, StatusShipped, StatusSold, StatusEnded} {
			if statuses[status] == 0 {
				t.Errorf("seed %d: nothing is %s", seed, status)
			}
		}
		for _, a := range story.Actions {
			e, err := epcis.ParseEvent(a.Event.Context, a.Event.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range e.Items() {
				if !told[it.Canonical] {
					t.Fatalf("seed %d does not say whether %s is reached", seed, it.Canonical)
				}
			}
		}
	}
}

func TestMasterDataOfAStoryIsFitToRegister(t *testing.T) {
	story := mustRecall(t, Config{Seed: 1, Now: now})
	for _, m := range story.Master {
		m.Datum.Version = 1
		if err := ledger.CheckMaster(m.Datum); err != nil {
			t.Errorf("%+v: %v", m.Datum, err)
		}
	}
}
