package readmodel

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func numberedDigest(n uint32) (d ledger.Digest) {
	binary.BigEndian.PutUint32(d[:], n+1)
	d[31] = 1
	return d
}

// manyTasks is a ledger of so many settled tasks of four scorers, each with its final verdict, ten windows a shipment; every tenth
// is provisional.
func manyTasks(tb testing.TB, n int) *chain {
	tb.Helper()
	c := newChain(1)
	c.add()
	const blockOf = 100
	for from := 0; from < n; from += blockOf {
		var content wire.Transaction
		s := &content.Scoring
		for i := from; i < from+blockOf; i++ {
			id, shipment := numberedDigest(uint32(i)), fmt.Sprintf("https://id.gs1.org/00/0%017d", i/10)
			v := ledger.Verdict{Shipment: shipment, Window: uint32(i % 10), Model: sealed, Level: ledger.VerdictLevel(1 + i%3), From: noon, To: noon + 1, Trace: account(1), Inputs: account(2)}
			answer := answered(tb, v)
			task := taskOf(1, v.Window, sealed, 1, 2, 3, 4)
			task.ID, task.Statement.Shipment = id, shipment
			closing := closingOf(1, 1, 2, 3, 4)
			closing.Task = id
			s.Tasks, s.Closings = append(s.Tasks, task), append(s.Closings, closing)
			right := []ledger.Digest{}
			for _, p := range task.Panel {
				s.Commitments = append(s.Commitments, ledger.Commitment{Task: id, Account: p.Account, Commitment: p.Account, At: noon})
				s.Reveals = append(s.Reveals, ledger.Reveal{Task: id, Account: p.Account, Answer: answer, Nonce: p.Account, At: noon})
				right = append(right, p.Account)
			}
			if i%10 == 9 {
				s.Provisionals = append(s.Provisionals, ledger.Provisional{Task: id, Answer: answer, Weight: 400, Of: 400, At: noon})
				continue
			}
			content.Verdicts = append(content.Verdicts, v)
			s.Settlements = append(s.Settlements, ledger.Settlement{Task: id, By: ledger.SettledUnanimous, Answer: &answer, Right: right, At: noon, TxID: "x"})
			s.Finals = append(s.Finals, ledger.FinalVerdict{Shipment: shipment, Window: v.Window, Model: sealed, Task: id, Answer: answer, By: ledger.SettledUnanimous, At: noon})
		}
		c.add(tx(fmt.Sprint("tx", from), content))
	}
	return c
}

// BenchmarkScoring takes in tasks and asks the questions of the API among them.
func BenchmarkScoring(b *testing.B) {
	const n = 20_000
	blocks := manyTasks(b, n).all()
	onEachB(b, func(b *testing.B, k kind) {
		s := k.open(b)
		b.Run("apply", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				fresh := k.open(b)
				b.StartTimer()
				for from := 0; from < 21; from += 7 {
					if err := fresh.Apply(b.Context(), blocks[from:from+7]...); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2_000, "µs/task")
		})
		for from := 0; from < len(blocks); from += 10 {
			if err := s.Apply(b.Context(), blocks[from:min(from+10, len(blocks))]...); err != nil {
				b.Fatal(err)
			}
		}
		middle := Position{Block: 100}
		window, who, id := uint32(3), account(3), numberedDigest(12_345)
		shipment := fmt.Sprintf("https://id.gs1.org/00/0%017d", 1_234)
		page := Page{Limit: 100, After: &middle}
		for name, ask := range map[string]func() error{
			"tasks": func() error { _, err := s.Tasks(b.Context(), TaskFilter{}, page); return err },
			"tasks provisional": func() error {
				_, err := s.Tasks(b.Context(), TaskFilter{Phase: ledger.TaskProvisional}, page)
				return err
			},
			"tasks of window": func() error {
				_, err := s.Tasks(b.Context(), TaskFilter{Shipment: shipment, Window: &window}, Page{Limit: 100})
				return err
			},
			"tasks of scorer": func() error { _, err := s.Tasks(b.Context(), TaskFilter{Scorer: &who}, page); return err },
			"tasks changed":   func() error { _, err := s.ChangedTasks(b.Context(), TaskFilter{}, page); return err },
			"task":            func() error { _, err := s.Task(b.Context(), id); return err },
			"verdicts":        func() error { _, err := s.Verdicts(b.Context(), VerdictFilter{}, page); return err },
			"finals": func() error {
				_, err := s.Finals(b.Context(), "", nil, &FinalKey{Shipment: shipment}, 100)
				return err
			},
			"final": func() error { _, err := s.Final(b.Context(), shipment, 3, sealed); return err },
			"rests on model": func() error {
				_, err := s.Resting(b.Context(), sealed, &RestingKey{Pos: middle.key()}, 100)
				return err
			},
			"entries": func() error { _, err := s.ScoringEntries(b.Context(), EntryFilter{}, nil, true, 100); return err },
			"entries of task": func() error {
				_, err := s.ScoringEntries(b.Context(), EntryFilter{Task: &id}, nil, false, 100)
				return err
			},
			"entries of account": func() error {
				_, err := s.ScoringEntries(b.Context(), EntryFilter{Account: &who}, &EntryKey{Pos: middle.key()}, false, 100)
				return err
			},
			"sums": func() error { _, err := s.ScoringSums(b.Context(), who); return err },
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if err := ask(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}
