package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars is progress on a terminal: lines for steps, a bar for each counter while something is tracked.
type bars struct {
	out   io.Writer
	lines Progress

	mu     sync.Mutex
	screen *mpb.Progress // while something is tracked
	start  time.Time
}

// Bars shows progress as bars, for a terminal.
func Bars(out io.Writer, start time.Time) Progress {
	return &bars{out: out, start: start, lines: Lines(out, start, time.Second)}
}

func (b *bars) Say(line string) {
	b.mu.Lock()
	screen := b.screen
	b.mu.Unlock()
	if screen == nil {
		b.lines.Say(line)
		return
	}
	_, _ = fmt.Fprintf(screen, "%6.1f s  %s\n", time.Since(b.start).Seconds(), line) // a terminal that is gone shows nothing
}

func (b *bars) Track(now func() []Counter) func() {
	screen := mpb.New(mpb.WithOutput(b.out), mpb.WithWidth(36), mpb.WithRefreshRate(150*time.Millisecond))
	b.mu.Lock()
	b.screen = screen
	b.mu.Unlock()
	first := now()
	rows := make([]*mpb.Bar, len(first))
	for i, c := range first {
		name := decor.Name(c.Name, decor.WC{W: 24, C: decor.DindentRight})
		if c.Total > 0 {
			rows[i] = screen.AddBar(c.Total, mpb.PrependDecorators(name), mpb.AppendDecorators(decor.CountersNoUnit("%d of %d")))
		} else {
			rows[i] = screen.MustAdd(0, mpb.NopStyle().Build(), mpb.PrependDecorators(name), mpb.AppendDecorators(decor.CurrentNoUnit("%d")))
		}
	}
	set := func() {
		for i, c := range now() {
			rows[i].SetCurrent(c.Done)
		}
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				set()
				return
			case <-tick.C:
				set()
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
		for _, r := range rows {
			if !r.Completed() {
				r.Abort(false)
			}
		}
		screen.Wait()
		b.mu.Lock()
		b.screen = nil
		b.mu.Unlock()
	}
}
