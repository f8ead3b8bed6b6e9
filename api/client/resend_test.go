package client

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAnswersThatDoNotFitTheInputsEndTheSender(t *testing.T) {
	for name, indexes := range map[string][]uint64{
		"one is left out": {0, 2},
		"one comes twice": {0, 0},
		"one too many":    {0, 1, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			given := 0
			open := func(context.Context) (stream[int], error) {
				sent := make(chan struct{})
				return stream[int]{
					send: func([]int) error { return nil },
					end:  func() error { close(sent); return nil },
					receive: func(take func(uint64, func(uint64)) error) error {
						<-sent
						for _, index := range indexes {
							if err := take(index, func(uint64) { given++ }); err != nil {
								return err
							}
						}
						return io.EOF
					},
				}, nil
			}
			source := func(yield func(int, error) bool) {
				for i := range 3 {
					if !yield(i, nil) {
						return
					}
				}
			}
			err := send(t.Context(), Config{}.withDefaults(), source, func(int) int { return 1 }, open)
			if name == "one too many" {
				if err != nil || given != 3 { // all inputs have had their answers
					t.Errorf("%d answers, %v", given, err)
				}
				return
			}
			if !errors.Is(err, errProtocol) || given != 1 {
				t.Errorf("%d answers, %v", given, err)
			}
		})
	}
}

// TestASourceMayBeQuietForLongerThanTheSendersPatience has a server restart after an hour in which
// nothing was to be sent.
func TestASourceMayBeQuietForLongerThanTheSendersPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		open := func(ctx context.Context) (stream[int], error) {
			if opened++; opened > 1 && opened < 4 {
				return stream[int]{}, status.Error(codes.Unavailable, "it starts")
			}
			inputs, ended := make(chan int, 8), make(chan struct{})
			restart := time.After(time.Hour)
			next := uint64(0)
			return stream[int]{
				send: func(batch []int) error {
					for _, v := range batch {
						inputs <- v
					}
					return nil
				},
				end: func() error { close(ended); return nil },
				receive: func(take func(uint64, func(uint64)) error) error {
					select {
					case <-inputs:
						next++
						return take(next-1, func(uint64) {})
					case <-restart:
						return status.Error(codes.Unavailable, "it restarts")
					case <-ended:
						return io.EOF
					case <-ctx.Done():
						return ctx.Err()
					}
				},
			}, nil
		}
		source := func(yield func(int, error) bool) {
			_ = yield(1, nil)
			time.Sleep(90 * time.Minute)
			_ = yield(2, nil)
		}
		err := send(t.Context(), Config{}.withDefaults(), source, func(int) int { return 1 }, open)
		if err != nil || opened != 4 {
			t.Errorf("%v; %d streams", err, opened)
		}
	})
}

func TestAServerThatStaysAwayIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := send(t.Context(), Config{Patience: 10 * time.Second}.withDefaults(), func(yield func(int, error) bool) { _ = yield(1, nil) }, func(int) int { return 1 },
			func(context.Context) (stream[int], error) {
				return stream[int]{}, status.Error(codes.Unavailable, "gone")
			})
		if took := time.Since(began); status.Code(err) != codes.Unavailable || took > 10*time.Second || took < 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
