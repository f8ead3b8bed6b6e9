// Command chaincode is the smallest chaincode server that can hold state: what the
// end-to-end tests of package network deploy.
package main

import (
	"fmt"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
)

type store struct{ contractapi.Contract }

// Put writes a key.
func (*store) Put(ctx contractapi.TransactionContextInterface, key, value string) error {
	return ctx.GetStub().PutState(key, []byte(value))
}

// Get reads a key.
func (*store) Get(ctx contractapi.TransactionContextInterface, key string) (string, error) {
	raw, err := ctx.GetStub().GetState(key)
	return string(raw), err
}

// Roles answers what the caller's certificate says.
func (*store) Roles(ctx contractapi.TransactionContextInterface) (string, error) {
	roles, _, err := ctx.GetClientIdentity().GetAttributeValue("waybill.role")
	return roles, err
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	cc, err := contractapi.NewChaincode(&store{})
	if err != nil {
		return err
	}
	var pem [3][]byte
	for i, name := range []string{"CHAINCODE_TLS_KEY", "CHAINCODE_TLS_CERT", "CHAINCODE_TLS_CLIENT_CACERT"} {
		if pem[i], err = os.ReadFile(os.Getenv(name)); err != nil {
			return err
		}
	}
	server := &shim.ChaincodeServer{
		CCID: os.Getenv("CHAINCODE_ID"), Address: os.Getenv("CHAINCODE_SERVER_ADDRESS"), CC: cc,
		TLSProps: shim.TLSProperties{Key: pem[0], Cert: pem[1], ClientCACerts: pem[2]},
	}
	return server.Start()
}
