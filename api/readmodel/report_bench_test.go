package readmodel

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A generated trade in food and medicine: groups of events, each about one lot, one pallet and one
// commissioning of serial numbers.
const marketGroup = 10

// marketEvent is the n-th event of the trade.
func marketEvent(n int) string {
	g, k := n/marketGroup, n%marketGroup
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g)*5*time.Minute + time.Duration(k)*7*time.Hour)
	when := fmt.Sprintf(`"eventTime":"%s","eventTimeZoneOffset":"-05:00"`, at.Format(time.RFC3339))
	lot := fmt.Sprintf("urn:epc:class:lgtin:9521321.0%05d.L%d", g%500, g)
	salad := fmt.Sprintf("urn:epc:class:lgtin:9521321.1%05d.S%d", g%50, g)
	pallet := fmt.Sprintf("urn:epc:id:sscc:9521321.0%09d", g)
	place := func(i int) string { return fmt.Sprintf("urn:epc:id:sgln:9521321.%05d.0", i) }
	farm, packer, store, kitchen := place(g%300), place(1000+g%50), place(2000+g%200), place(3000+g%20)
	moved := func(from, to string) string {
		return fmt.Sprintf(`"sourceList":[{"type":"location","source":"%s"}],"destinationList":[{"type":"location","destination":"%s"}],"bizTransactionList":[{"type":"desadv","bizTransaction":"urn:epcglobal:cbv:bt:9521321000005:%d"}]`, from, to, n)
	}
	here := func(p string) string {
		return fmt.Sprintf(`"readPoint":{"id":"%s"},"bizLocation":{"id":"%s"}`, p, p)
	}
	switch k {
	case 0:
		return fmt.Sprintf(`{"type":"TransformationEvent",%s,"inputQuantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.2%05d.F%d","quantity":%d.5,"uom":"KGM"}],"outputQuantityList":[{"epcClass":"%s","quantity":96}],`+
			`"bizStep":"https://example.org/bizstep/initial_packing",%s,"ilmd":{"cbvmda:harvestStartDate":"%s","cbvmda:growingArea":"Field %d","cbvmda:farm":"%s"}}`,
			when, g%500, g, 900+g%100, lot, here(packer), at.Format(time.DateOnly), g%40, farm)
	case 1:
		return fmt.Sprintf(`{"type":"AggregationEvent",%s,"parentID":"%s","childQuantityList":[{"epcClass":"%s","quantity":48}],"action":"ADD","bizStep":"packing",%s}`, when, pallet, lot, here(packer))
	case 2:
		return fmt.Sprintf(`{"type":"ObjectEvent",%s,"epcList":["%s"],"action":"OBSERVE","bizStep":"shipping","readPoint":{"id":"%s"},%s}`, when, pallet, packer, moved(packer, store))
	case 3:
		return fmt.Sprintf(`{"type":"ObjectEvent",%s,"epcList":["%s"],"action":"OBSERVE","bizStep":"receiving",%s,%s}`, when, pallet, here(store), moved(packer, store))
	case 4:
		return fmt.Sprintf(`{"type":"AggregationEvent",%s,"parentID":"%s","action":"DELETE","bizStep":"unpacking",%s}`, when, pallet, here(store))
	case 5:
		return fmt.Sprintf(`{"type":"ObjectEvent",%s,"quantityList":[{"epcClass":"%s","quantity":12}],"action":"OBSERVE","bizStep":"shipping","readPoint":{"id":"%s"},%s}`, when, lot, store, moved(store, kitchen))
	case 6:
		return fmt.Sprintf(`{"type":"ObjectEvent",%s,"quantityList":[{"epcClass":"%s","quantity":12}],"action":"OBSERVE","bizStep":"receiving",%s,%s}`, when, lot, here(kitchen), moved(store, kitchen))
	case 7:
		return fmt.Sprintf(`{"type":"TransformationEvent",%s,"inputQuantityList":[{"epcClass":"%s","quantity":12}],"outputQuantityList":[{"epcClass":"%s","quantity":40.25,"uom":"LBR"}],"bizStep":"commissioning",%s}`, when, lot, salad, here(kitchen))
	case 8:
		return fmt.Sprintf(`{"type":"ObjectEvent",%s,"quantityList":[{"epcClass":"%s","quantity":40.25,"uom":"LBR"}],"action":"OBSERVE","bizStep":"shipping","readPoint":{"id":"%s"},%s}`, when, salad, kitchen, moved(kitchen, place(4000+g%900)))
	}
	return fmt.Sprintf(`{"type":"ObjectEvent",%s,"epcList":["%s","%s","%s","%s"],"action":"ADD","bizStep":"commissioning",%s,"ilmd":{"cbvmda:lotNumber":"D%d","cbvmda:itemExpirationDate":"2028-06-30"}}`,
		when, marketUnit(g, 0), marketUnit(g, 1), marketUnit(g, 2), marketUnit(g, 3), here(place(5000+g%10)), g%1000)
}

func marketUnit(g, i int) string {
	return fmt.Sprintf("urn:epc:id:sgtin:9521321.3%05d.%d", g%100, g*4+i)
}

// marketStore makes a store of n events.
func marketStore(b *testing.B, cfg Config, n int) *Store {
	b.Helper()
	s := open(b, cfg)
	const block, atOnce = 400, 25
	var previous [32]byte
	for from := 0; from < n; from += block * atOnce {
		var made []Block
		for at := from; at < min(from+block*atOnce, n); at += block {
			number := uint64(at / block)
			made = append(made, Block{Number: number, Previous: previous, Hash: [32]byte{byte(number), byte(number >> 8), byte(number >> 16), 7}})
			last := &made[len(made)-1]
			previous = last.Hash
			var content wire.Transaction
			for i := at; i < min(at+block, n); i++ {
				content.Events = append(content.Events, recorded(b, marketEvent(i)))
			}
			last.Transactions = []Recorded{{TxID: fmt.Sprint("tx", number), MSPID: "ProducerMSP", At: noon + ledger.Millis(number)*1000, Transaction: content}}
		}
		if err := s.Apply(b.Context(), made...); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkReports makes the food traceability spreadsheet over a large store in each format, and verifies
// products in it.
func BenchmarkReports(b *testing.B) {
	onEachB(b, func(b *testing.B, k kind) {
		n := benchEvents()
		s := marketStore(b, k.fresh(b), n)
		for _, f := range []report.Format{report.XLSX, report.CSV, report.JSON} {
			b.Run("food/"+string(f), func(b *testing.B) {
				var rows uint64
				began := processTime(b)
				for b.Loop() {
					stop := watchHeap(b)
					out := io.Discard
					if file := os.Getenv("WAYBILL_BENCH_REPORT"); file != "" {
						w, err := os.Create(file + "." + string(f))
						if err != nil {
							b.Fatal(err)
						}
						defer w.Close()
						out = w
					}
					made, err := report.Request{Food: &report.FoodQuery{}, Format: f}.Make(b.Context(), s.Reports(), nil, out, func(*report.Sheet) error { return nil }, nil)
					stop()
					if err != nil {
						b.Fatal(err)
					}
					rows = made.Rows
					b.ReportMetric(float64(made.Bytes)/1e6, "MB")
				}
				// What the process computed tells more than the clock where others use the machine too; a database
				// server's share is not in it.
				b.ReportMetric((processTime(b)-began).Seconds()/float64(b.N), "cpu-s/report")
				b.ReportMetric(float64(rows), "rows")
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
		b.Run("verify", func(b *testing.B) {
			const asked = 2_000
			for b.Loop() {
				took := make([]time.Duration, 0, asked)
				for i := range asked {
					g := rand.IntN(n / marketGroup)
					id := report.Identity{EPC: marketUnit(g, i%4), Lot: fmt.Sprint("D", g%1000), Expiry: "280630"}
					want := report.Verified
					switch i % 10 {
					case 0:
						id.EPC, want = "urn:epc:id:sgtin:9521321.300001.no"+fmt.Sprint(i), report.NotFound
					case 1:
						id.Lot, want = "X", report.Mismatch
					}
					began := time.Now()
					v, err := report.Verify(b.Context(), s.Reports(), id, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
					took = append(took, time.Since(began))
					if err != nil || v.Outcome != want {
						b.Fatal(v, want, err)
					}
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[asked/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[asked*95/100].Microseconds())/1000, "p95-ms")
				b.ReportMetric(float64(took[asked*99/100].Microseconds())/1000, "p99-ms")
			}
		})
	})
}

func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchHeap reports the greatest heap seen until it is stopped.
func watchHeap(b *testing.B) (stop func()) {
	runtime.GC()
	done := make(chan struct{})
	ended := make(chan struct{})
	var peak atomic.Uint64
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		b.ReportMetric(float64(peak.Load())/(1<<20), "heap-MiB")
	}
}
