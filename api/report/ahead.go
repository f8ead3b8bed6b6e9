package report

import (
	"context"
	"iter"
	"runtime"
	"sync"
)

// readAhead gives the events of a selection some at a time, read and decoded while the page before is
// worked on. It ends with the error that stopped it.
func readAhead(ctx context.Context, source Source, sel Selection) iter.Seq2[[]*event, error] {
	return func(yield func([]*event, error) bool) {
		working, cancel := context.WithCancel(ctx)
		type page struct {
			events []*event
			err    error
		}
		pages := make(chan page, 1)
		var done sync.WaitGroup
		done.Go(func() {
			defer close(pages)
			readers := make([]*reader, max(1, runtime.GOMAXPROCS(0)))
			for i := range readers {
				readers[i] = newReader()
			}
			for records, err := range source.Events(working, sel) {
				select {
				case pages <- page{decode(readers, records), err}:
				case <-working.Done():
					return
				}
				if err != nil {
					return
				}
			}
		})
		defer done.Wait()
		defer cancel()
		for p := range pages {
			if !yield(p.events, p.err) || p.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// decode reads records on as many goroutines as there are readers.
func decode(readers []*reader, records []Record) []*event {
	events := make([]*event, len(records))
	var work sync.WaitGroup
	for n, r := range readers {
		work.Go(func() {
			for i := n; i < len(records); i += len(readers) {
				events[i] = r.read(&records[i])
			}
		})
	}
	work.Wait()
	return events
}
