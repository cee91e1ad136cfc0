/**
 * What clients may do while a broker is measured, as both brokers' own files say it: some 20 rules by name, address and topic,
 * of which the last but two allows the load, and what no rule allows is forbidden. So each publish has to be judged by its topic.
 */
import { USERNAME } from './load.ts'

/** EMQX's `acl.conf`, first match wins; to be read with `no_match = deny`. */
export const ISTHMUS_ACL = `
{deny, {username, "intruder"}, all, ["#"]}.
{deny, {clientid, {re, "^test-"}}, all, ["#"]}.
{allow, {username, {re, "^dash"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "10.1.0.0/16"}, all, ["plant/#"]}.
{allow, {ipaddrs, ["192.168.1.0/24", "192.168.2.0/24"]}, publish, ["office/+/state"]}.
{allow, {'and', [{username, "meter"}, {ipaddr, "10.2.0.0/16"}]}, publish, ["meters/#"]}.
{allow, {'or', [{clientid, "gateway-1"}, {clientid, "gateway-2"}]}, all, ["gateways/#"]}.
{allow, {username, {re, "^${USERNAME}$"}}, subscribe, ["announcements/#"]}.
{allow, {ipaddr, "127.0.0.0/8"}, publish, ["local/+/log"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}.
{deny, all, publish, ["bench/+/locked", "bench/+/locked/#"]}.
{allow, all, subscribe, ["news/#"]}.
{allow, all, publish, ["devices/\${clientid}/state"]}.
{allow, all, publish, ["devices/\${clientid}/events/+"]}.
{allow, all, subscribe, ["devices/\${clientid}/commands/#"]}.
{allow, all, publish, ["users/\${username}/+/reading"]}.
{allow, all, all, ["bench/\${clientid}/#"]}.
{allow, all, all, ["bench/\${username}/#"]}.
{allow, all, publish, ["shared/\${username}"]}.
{allow, all, subscribe, ["shared/+"]}.
`

/**
 * The same for Mosquitto, rule by rule where it has the means: it knows no addresses and no patterns of names, and forgoes
 * rules about other users at no cost, which is to its advantage. What no line allows is forbidden there, too.
 */
export const MOSQUITTO_ACL = `
user intruder
topic deny #
user dashboard
topic read $SYS/#
user plant
topic readwrite plant/#
user office
topic write office/+/state
user meter
topic write meters/#
user gateway-1
topic readwrite gateways/#
user gateway-2
topic readwrite gateways/#
user ${USERNAME}
topic read announcements/#
topic write local/+/log
topic deny bench/${USERNAME}/locked
topic deny bench/${USERNAME}/locked/#
topic read news/#
pattern write devices/%c/state
pattern write devices/%c/events/+
pattern read devices/%c/commands/#
pattern write users/%u/+/reading
pattern readwrite bench/%c/#
pattern readwrite bench/%u/#
pattern write shared/%u
pattern read shared/+
`
