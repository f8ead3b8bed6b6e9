package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a piece of work is: a bar where standard error is a terminal, otherwise a
// line now and then on work that takes longer than progressEvery. The zero total means unknown.
type progress struct {
	name  string
	unit  string
	total int64
	done  atomic.Int64
	extra atomic.Int64 // what the second figure counts

	out  io.Writer // for remarks; nil: none
	bars *mpb.Progress
	bar  *mpb.Bar
	stop chan struct{}
	wait sync.WaitGroup
}

const progressEvery = 2 * time.Second

func newProgress(w io.Writer, quiet bool, name string, total int64, unit, extraUnit string) *progress {
	p := &progress{name: name, unit: unit, total: total, stop: make(chan struct{})}
	if quiet {
		return p
	}
	p.out = w
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
		p.out = p.bars // which writes above the bar
		// A bar made with its total ends when that is reached, though answers still come: this one ends in finish.
		p.bar = p.bars.AddBar(0,
			mpb.PrependDecorators(decor.Name(name+" ")),
			mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
				return fmt.Sprintf("%s of %s", amount(s.Current, unit), quantity(s.Total, unit))
			}), decor.Any(func(decor.Statistics) string {
				return fmt.Sprintf(", %d %s", p.extra.Load(), extraUnit)
			}), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
		p.bar.SetTotal(total, false)
		return p
	}
	p.wait.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		line := func() string {
			return fmt.Sprintf("%s: %s of %s, %d %s\n", name, amount(p.done.Load(), unit), quantity(total, unit), p.extra.Load(), extraUnit)
		}
		for said := ""; ; {
			select {
			case <-p.stop:
				if last := line(); said != "" && last != said {
					fmt.Fprint(w, last)
				}
				return
			case <-tick.C:
				said = line()
				fmt.Fprint(w, said)
			}
		}
	})
	return p
}

// unitBytes is shown in mebibytes.
const unitBytes = "bytes"

func amount(n int64, unit string) string {
	if unit == unitBytes {
		return fmt.Sprintf("%.1f", float64(n)/(1<<20))
	}
	return strconv.FormatInt(n, 10)
}

func quantity(n int64, unit string) string {
	switch {
	case n == 0:
		return "an unknown number of " + unit
	case unit == unitBytes:
		return amount(n, unit) + " MiB"
	}
	return amount(n, unit) + " " + unit
}

func (p *progress) add(n int64) {
	p.done.Add(n)
	if p.bar != nil {
		p.bar.IncrInt64(n)
	}
}

func (p *progress) addExtra(n int64) { p.extra.Add(n) }

// again remarks that something is tried again, and why.
func (p *progress) again(err error) {
	if p.out != nil {
		fmt.Fprintf(p.out, "%s: trying again: %s\n", p.name, printable(plain(err).Error()))
	}
}

// finish ends the display; it leaves the last state on a terminal.
func (p *progress) finish() {
	close(p.stop)
	p.wait.Wait()
	if p.bars != nil {
		if p.done.Load() >= p.total {
			p.bar.SetTotal(-1, true)
		} else {
			p.bar.Abort(false)
		}
		p.bars.Wait()
	}
}
