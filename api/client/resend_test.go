package client

import (
	"context"
	"errors"
	"io"
	"testing"
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
