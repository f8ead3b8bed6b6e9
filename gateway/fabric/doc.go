// Package fabric is Waybill's client of a Fabric network: it dials the peers of a connection
// profile, signs, endorses, submits, waits for commits, evaluates queries and opens block streams,
// every call with a deadline and every failure as one of the errors of this package.
//
// It is the only importer of fabric-gateway. Of Waybill it may import the connection profile and
// nothing else.
package fabric
