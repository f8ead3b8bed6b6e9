// Package server serves the protocol waybill.v1 over gRPC. It owns the handlers, the transport with
// its certificates, who may call what, limits and deadlines, the table from errors to status codes,
// and the server's metrics and logs.
//
// Writes go to a Recorder and are answered when they are on the ledger for good; questions are
// answered from a Reader. Both are small interfaces declared here. The package may import epcis,
// chaincode/ledger, chaincode/wire, api/gen, api/readmodel, gateway/submit and gateway/fabric (for
// their types and errors), and neither network nor cmd.
package server
