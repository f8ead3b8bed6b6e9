// Package founding brings a running network under the rules that scoring by several organisations goes by: keepers of
// the rules, a credit policy, a scoring policy, and scorers with accounts and stakes. It asks for each through the
// gateway, as the organisations themselves, whose profiles it is given: where a majority votes, a majority is needed.
//
// What is so already is left as it is, so that a second run does nothing and one that was killed goes on. It may import
// gateway, chaincode/ledger and chaincode/wire. Demonstrations, measurements and end-to-end tests use it, and
// the command that has one organisation join.
package founding
