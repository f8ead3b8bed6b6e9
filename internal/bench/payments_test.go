package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gateway/fabric"
)

func TestPaymentsAreHeldToTheirBounds(t *testing.T) {
	c := PaymentsConfig{}
	if err := c.numbers(); err != nil || c.Payments != 1_000 || c.AtOnce != 1_000 || c.Seconds != 60 {
		t.Errorf("%+v %v", c, err)
	}
	for _, c := range []PaymentsConfig{{Payments: -1}, {Payments: mostPayments + 1}, {AtOnce: mostAtOnce + 1}, {Seconds: -1}, {Seconds: 3601}} {
		if c.Check() == nil {
			t.Errorf("%+v passes", c)
		}
	}
	if _, err := MeasurePayments(t.Context(), PaymentsConfig{}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

func TestAPaymentIsTriedUntilItIsCommittedOrCannotBe(t *testing.T) {
	p := &payments{cfg: PaymentsConfig{Payments: 6, AtOnce: 3, Seconds: 60}}
	attempts := map[int]int{}
	said := make(chan int, 100)
	got, err := p.pay(t.Context(), func(_ context.Context, i int) (written, error) {
		said <- i
		return written{id: fmt.Sprint(i)}, nil
	})
	close(said)
	for i := range said {
		attempts[i]++
	}
	if err != nil || got.way.Committed != 6 || got.way.Retries != 0 || len(attempts) != 6 {
		t.Errorf("%+v %v", got, err)
	}
	failures := []error{fabric.ErrConflict, fabric.ErrMismatch, fabric.ErrTooMany, nil}
	p.cfg.Payments, p.cfg.AtOnce = 1, 1
	tries := 0
	got, err = p.pay(t.Context(), func(context.Context, int) (written, error) {
		tries++
		return written{}, failures[tries-1]
	})
	if w := got.way; err != nil || w.Committed != 1 || w.Conflicts != 1 || w.Mismatches != 1 || w.Busy != 1 || w.Retries != 3 {
		t.Errorf("%+v %v", w, err)
	}
	if got, err = p.pay(t.Context(), func(context.Context, int) (written, error) { return written{}, fabric.ErrRefused }); !errors.Is(err, fabric.ErrRefused) || got.way.Committed != 0 {
		t.Errorf("%+v %v", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	_, err = p.pay(ended, func(context.Context, int) (written, error) {
		cancel()
		return written{}, fabric.ErrConflict
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAPaymentResultIsToldToPeopleAndPrograms(t *testing.T) {
	r := PaymentsResult{Bench: Payments, Asked: 1_000, AtOnce: 1_000, Notes: PaymentWay{Committed: 1_000, Exact: true}, Balances: PaymentWay{Committed: 13, Conflicts: 9_207, Exact: true}}
	if !r.OK() {
		t.Error("all is well")
	}
	for _, change := range []func(*PaymentsResult){
		func(r *PaymentsResult) { r.Notes.Committed-- }, func(r *PaymentsResult) { r.Notes.Conflicts++ },
		func(r *PaymentsResult) { r.Notes.Exact = false }, func(r *PaymentsResult) { r.Balances.Exact = false },
	} {
		c := r
		if change(&c); c.OK() {
			t.Errorf("%+v", c)
		}
	}
	var text, line bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteJSON(&line)); err != nil {
		t.Fatal(err)
	}
	var back PaymentsResult
	if err := json.Unmarshal(line.Bytes(), &back); err != nil || back != r {
		t.Errorf("%v %+v", err, back)
	}
	if !strings.Contains(text.String(), "9,207") || !strings.Contains(text.String(), "1,000 payments to one account") {
		t.Error(text.String())
	}
}

func TestPausesGrowAndEndWithTheirContext(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := pause(ended, 50); !errors.Is(err, context.Canceled) || time.Since(began) > time.Second {
		t.Error(err)
	}
}
