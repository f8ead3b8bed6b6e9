package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/waybill-dev/waybill/network"
)

// Names of the chaincode that keeps a balance an account.
const (
	balancesName    = "balances"
	balancesVersion = "1"

	fnFound   = "Found"
	fnPay     = "Pay"
	fnBalance = "Balance"
	fnTotal   = "Total"

	payerKey  = "payer-"
	mostPayer = 100_000
)

// Balances is what Waybill's notes are compared with: a token as Fabric's ERC-20 sample keeps it, one balance an account
// under a key of its own, which a payment reads for the payer and for the payee and writes for both. It has no
// allowances and nobody's permission is asked, so that it does nothing that the comparison does not need.
type Balances struct {
	contractapi.Contract
}

// Found gives so many payers an amount each.
func (*Balances) Found(ctx contractapi.TransactionContextInterface, payers int, amount int64) error {
	if payers < 1 || payers > mostPayer || amount < 1 || amount > math.MaxInt64/mostPayer {
		return fmt.Errorf("%d payers of %d", payers, amount)
	}
	for i := range payers {
		if err := ctx.GetStub().PutState(payerName(i), []byte(strconv.FormatInt(amount, 10))); err != nil {
			return err
		}
	}
	return nil
}

func payerName(i int) string { return fmt.Sprintf("%s%06d", payerKey, i) }

// Pay moves an amount: it reads the balance of who pays and of who is paid and writes both.
func (b *Balances) Pay(ctx contractapi.TransactionContextInterface, from, to string, amount int64) error {
	if from == to || amount <= 0 {
		return fmt.Errorf("%d from %s to %s", amount, from, to)
	}
	of, err := b.Balance(ctx, from)
	if err != nil {
		return err
	}
	if of < amount {
		return fmt.Errorf("%s has %d, not %d", from, of, amount)
	}
	has, err := b.Balance(ctx, to)
	if err != nil {
		return err
	}
	if has > math.MaxInt64-amount {
		return fmt.Errorf("%s cannot have more than %d", to, has)
	}
	if err := ctx.GetStub().PutState(from, []byte(strconv.FormatInt(of-amount, 10))); err != nil {
		return err
	}
	return ctx.GetStub().PutState(to, []byte(strconv.FormatInt(has+amount, 10)))
}

// Balance is what an account has; nothing if it was never heard of.
func (*Balances) Balance(ctx contractapi.TransactionContextInterface, account string) (int64, error) {
	raw, err := ctx.GetStub().GetState(account)
	if err != nil || raw == nil {
		return 0, err
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

// Total is what all payers have together.
func (b *Balances) Total(ctx contractapi.TransactionContextInterface, payers int) (int64, error) {
	if payers < 1 || payers > mostPayer {
		return 0, fmt.Errorf("%d payers", payers)
	}
	sum := int64(0)
	for i := range payers {
		has, err := b.Balance(ctx, payerName(i))
		if err != nil {
			return 0, err
		}
		sum += has
	}
	return sum, nil
}

// besides is a network onto which a second chaincode may be put.
type besides interface {
	Beside(ctx context.Context, name, version string, addresses map[string]string, serve func([]network.Companion) error) error
}

// serveBalances puts the contract onto the network and serves it for each organisation, in this process, until the
// function that it gives is called.
func serveBalances(ctx context.Context, n besides, organisations []string) (stop func(), err error) {
	chaincode, err := contractapi.NewChaincode(&Balances{})
	if err != nil {
		return nil, err
	}
	listeners, addresses := map[string]net.Listener{}, map[string]string{}
	var servers []*grpc.Server
	stop = func() {
		for _, s := range servers {
			s.Stop()
		}
		for _, l := range listeners {
			_ = l.Close() // a server may have closed it
		}
	}
	for _, org := range organisations {
		l, failed := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if failed != nil {
			stop()
			return nil, failed
		}
		listeners[org], addresses[org] = l, l.Addr().String()
	}
	err = n.Beside(ctx, balancesName, balancesVersion, addresses, func(all []network.Companion) error {
		for _, c := range all {
			server, failed := balancesServer(chaincode, c)
			if failed != nil {
				return failed
			}
			servers = append(servers, server)
			go func() { _ = server.Serve(listeners[c.Organisation]) }() // it ends by stop
		}
		return nil
	})
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func balancesServer(chaincode shim.Chaincode, c network.Companion) (*grpc.Server, error) {
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(c.ClientCAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New(c.ClientCAFile + " holds no certificate")
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	})))
	peer.RegisterChaincodeServer(server, &shim.ChaincodeServer{CCID: c.PackageID, Address: c.Address, CC: chaincode})
	return server, nil
}
