package network_test

import (
	"context"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/network"
)

func testChaincode() string { return "./network/testdata/chaincode" }

func progress(t *testing.T) func(network.Progress) {
	start := time.Now()
	return func(p network.Progress) {
		if p.Total == 0 || p.Done%100 == 0 {
			t.Logf("%6.2fs %s: %s %d/%d", time.Since(start).Seconds(), p.Stage, p.Text, p.Done, p.Total)
		}
	}
}

func TestTry(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for range 2 {
		start := time.Now()
		n, err := network.Up(ctx, network.Options{Dir: "/tmp/netry", ChaincodePackage: testChaincode(), Progress: progress(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Log("up", time.Since(start))
		for _, p := range n.Status().Processes {
			t.Logf("%+v", p)
		}
		start = time.Now()
		if err := n.Down(ctx); err != nil {
			t.Fatal(err)
		}
		t.Log("down", time.Since(start))
	}
}
