package readmodel

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A generated industry: chains of ten transformations, and batches that reach many items.
const (
	industryBlock = 400
	chainLevels   = 10
	batchItems    = 10_000
	cartonItems   = 100
	palletCartons = 10
)

// industry makes the events of an industry, n of them: chains, batches, and for the rest trade that has
// nothing to do with either, all mixed.
type industry struct {
	bodies          []string
	chains, batches int
}

func newIndustry(n int) *industry {
	w := &industry{}
	for c := range max(1, n/1000) {
		w.chain(c)
		w.chains++
	}
	for b := range max(2, n/100_000) {
		w.batch(b, b%2 == 1)
		w.batches++
	}
	return w
}

func (w *industry) add(at int, format string, args ...any) {
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(at) * time.Second).Format(time.RFC3339)
	w.bodies = append(w.bodies, fmt.Sprintf(`{"eventTime":"`+when+`","eventTimeZoneOffset":"+00:00",`+format+`}`, args...))
}

func lotURN(class int, lot string) string {
	return fmt.Sprintf("urn:epc:class:lgtin:9521321.0%05d.%s", class, lot)
}

func ssccURN(n int) string { return fmt.Sprintf("urn:epc:id:sscc:9521321.%010d", n) }

// chain makes one lot of another, ten times, each time with two lots more, and carries each on a pallet.
func (w *industry) chain(c int) {
	at := c * 20
	for level := range chainLevels {
		in := fmt.Sprintf(`{"epcClass":%q,"quantity":100,"uom":"KGM"},{"epcClass":%q,"quantity":5,"uom":"KGM"},{"epcClass":%q,"quantity":500,"uom":"GRM"}`,
			lotURN(level, fmt.Sprint("C", c)), lotURN(50, fmt.Sprintf("S%d-%d", c, level)), lotURN(51, fmt.Sprintf("F%d-%d", c, level)))
		w.add(at+2*level, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childQuantityList":[{"epcClass":%q,"quantity":100,"uom":"KGM"}]`,
			ssccURN(c*chainLevels+level), lotURN(level, fmt.Sprint("C", c)))
		w.add(at+2*level+1, `"type":"TransformationEvent","bizStep":"creating_class_instance","inputQuantityList":[%s],"outputQuantityList":[{"epcClass":%q,"quantity":104,"uom":"KGM"}]`,
			in, lotURN(level+1, fmt.Sprint("C", c)))
	}
}

func chainLot(level, c int) string {
	return fmt.Sprintf("urn:epc:class:lgtin:9521321.0%05d.C%d", level, c)
}

// batch makes 10,000 serials of a lot that was made of another, packs them in cartons and those on
// pallets, ships and receives these, and sells a fifth. single commissions each by an event of its own.
func (w *industry) batch(b int, single bool) {
	class, at := 100+b, 100_000+b*1000
	serial := func(i int) string { return fmt.Sprintf("urn:epc:id:sgtin:9521321.0%05d.%d", class, i) }
	w.add(at, `"type":"TransformationEvent","bizStep":"creating_class_instance","inputQuantityList":[{"epcClass":%q,"quantity":100,"uom":"KGM"}],"outputQuantityList":[{"epcClass":%q,"quantity":10000}]`,
		batchSource(b), lotURN(class, "B"))
	quoted := func(from, to int, id func(int) string) string {
		var ids []string
		for i := from; i < to; i++ {
			ids = append(ids, `"`+id(i)+`"`)
		}
		return strings.Join(ids, ",")
	}
	each := cartonItems
	if single {
		each = 1
	}
	for i := 0; i < batchItems; i += each {
		w.add(at+1, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","disposition":"active","epcList":[%s],"readPoint":{"id":"urn:epc:id:sgln:9521321.00001.0"},"ilmd":{"cbvmda:lotNumber":"B"}`, quoted(i, i+each, serial))
	}
	cartons := batchItems / cartonItems
	base := 10_000_000 + b*1000
	for c := range cartons {
		w.add(at+2, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%s],"readPoint":{"id":"urn:epc:id:sgln:9521321.00001.0"}`, ssccURN(base+c), quoted(c*cartonItems, (c+1)*cartonItems, serial))
	}
	for p := range cartons / palletCartons {
		pallet := ssccURN(base + 500 + p)
		w.add(at+3, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%s]`, pallet, quoted(base+p*palletCartons, base+(p+1)*palletCartons, ssccURN))
		w.add(at+4, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"shipping","epcList":[%q],"destinationList":[{"type":"possessing_party","destination":"urn:epc:id:pgln:9521321.00009"}]`, pallet)
		w.add(at+5, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":[%q],"readPoint":{"id":"urn:epc:id:sgln:9521321.00002.0"}`, pallet)
	}
	for i := 0; i < batchItems; i += 5 {
		w.add(at+6, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"retail_selling","disposition":"retail_sold","epcList":[%q],"readPoint":{"id":"urn:epc:id:sgln:9521321.00003.0"}`, serial(i))
	}
}

func batchSource(b int) string { return fmt.Sprintf("urn:epc:class:lgtin:9521321.0%05d.RAW", 100+b) }

// fill takes the industry into a store, spread over n events.
func (w *industry) fill(tb testing.TB, s *Store, n int) (took time.Duration) {
	tb.Helper()
	const atOnce = 25 // blocks
	filler, next, hash := 0, 0, [32]byte{}
	var blocks []Block
	apply := func() {
		began := time.Now()
		if err := s.Apply(tb.Context(), blocks...); err != nil {
			tb.Fatal(err)
		}
		took += time.Since(began)
		blocks = blocks[:0]
	}
	for number := uint64(0); int(number)*industryBlock < n || next < len(w.bodies); number++ {
		var content wire.Transaction
		due := len(w.bodies)
		if done := int(number+1) * industryBlock; done < n {
			due = int(int64(len(w.bodies)) * int64(done) / int64(n))
		}
		for len(content.Events) < industryBlock {
			if next < due {
				content.Events = append(content.Events, recorded(tb, w.bodies[next]))
				next++
				continue
			}
			at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(filler) * time.Second).Format(time.RFC3339)
			content.Events = append(content.Events, recorded(tb, fmt.Sprintf(`{"type":"ObjectEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.0%05d.%d"],"action":"OBSERVE","bizStep":"shipping","readPoint":{"id":"urn:epc:id:sgln:9521321.%05d.0"}}`,
				at, 30_000+filler%2000, filler/3, filler%3000)))
			filler++
		}
		b := Block{Number: number, Previous: hash, Transactions: []Recorded{{TxID: fmt.Sprint("tx", number), MSPID: "ProducerMSP", At: noon + ledger.Millis(number)*1000, Transaction: content}}}
		hash[0], hash[1], hash[2], hash[3] = byte(number), byte(number>>8), byte(number>>16), 1
		b.Hash = hash
		if blocks = append(blocks, b); len(blocks) == atOnce {
			apply()
		}
	}
	if len(blocks) > 0 {
		apply()
	}
	return took
}

// processorTime is what the process has used of the processors, the database's own process aside.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTrace asks a large store (WAYBILL_BENCH_EVENTS) for traces through ten transformations and
// for recalls that reach 10,000 items, each time of something else, and reports percentiles.
func BenchmarkTrace(b *testing.B) {
	onEachB(b, func(b *testing.B, k kind) {
		n := benchEvents()
		w := newIndustry(n)
		s := k.open(b)
		took := w.fill(b, s, n)
		b.Logf("%d events taken in at %.0f µs each", n, float64(took.Microseconds())/float64(n))
		if _, err := s.write.ExecContext(b.Context(), "ANALYZE"); err != nil {
			b.Fatal(err)
		}
		chain := func(i int) int { return i * 7919 % w.chains }
		ask := func(name string, times int, question func(i int) (nodes int, err error)) {
			b.Run(name, func(b *testing.B) {
				var spent []time.Duration
				busy := processorTime(b)
				nodes := 0
				for b.Loop() {
					for i := range times {
						began := time.Now()
						found, err := question(i)
						if err != nil {
							b.Fatal(err)
						}
						spent = append(spent, time.Since(began))
						nodes = max(nodes, found)
					}
				}
				slices.Sort(spent)
				at := func(p int) float64 { return float64(spent[min(len(spent)-1, len(spent)*p/100)].Microseconds()) / 1000 }
				// What the questions took of a processor, apart from who else was using it.
				b.ReportMetric(float64((processorTime(b)-busy).Microseconds())/1000/float64(len(spent)), "cpu-ms")
				b.ReportMetric(at(50), "p50-ms")
				b.ReportMetric(at(99), "p99-ms")
				b.ReportMetric(float64(nodes), "nodes")
			})
		}
		traced := func(id string, d trace.Direction) (int, error) {
			g, err := s.Trace(b.Context(), trace.Question{ID: canonicalEPC(b, id), Direction: d})
			if err == nil && len(g.Truncated) > 0 {
				err = fmt.Errorf("truncated by %v", g.Truncated)
			}
			return len(g.Nodes), err
		}
		recalled := func(id string) (int, error) {
			g, err := s.Recall(b.Context(), trace.Question{ID: canonicalEPC(b, id), Limits: trace.Limits{Nodes: trace.MaxNodes}})
			if err == nil && len(g.Truncated) > 0 {
				err = fmt.Errorf("truncated by %v", g.Truncated)
			}
			return len(g.Nodes), err
		}
		ask("up", 300, func(i int) (int, error) { return traced(chainLot(chainLevels, chain(i)), trace.Up) })
		ask("down", 300, func(i int) (int, error) { return traced(chainLot(0, chain(i)), trace.Down) })
		ask("item-up", 100, func(i int) (int, error) {
			return traced(fmt.Sprintf("urn:epc:id:sgtin:9521321.0%05d.%d", 100+i%w.batches, i*97%batchItems), trace.Up)
		})
		ask("recall-batches", 40, func(i int) (int, error) { return recalled(batchSource(i * 2 % w.batches &^ 1)) })
		ask("recall-singles", 40, func(i int) (int, error) { return recalled(batchSource(i*2%w.batches | 1)) })
	})
}
