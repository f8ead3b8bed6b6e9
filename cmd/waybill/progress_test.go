package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLastLineOfAProgressTellsItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, false, "capture", 2<<20, unitBytes, "events answered")
		p.add(2 << 20)
		p.addExtra(51)
		time.Sleep(progressEvery + time.Millisecond)
		synctest.Wait()
		p.addExtra(5)
		p.finish()
		want := "capture: 2.0 of 2.0 MiB, 51 events answered\ncapture: 2.0 of 2.0 MiB, 56 events answered\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestAShortPieceOfWorkShowsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := newProgress(&out, false, "capture", 1, unitBytes, "events answered")
		p.add(1)
		p.finish()
		if out.String() != "" {
			t.Errorf("got %q", out.String())
		}
	})
}
