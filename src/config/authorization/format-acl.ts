/** A rule as it would stand in an `acl.conf`: the reverse of `parseAcl`, in EMQX's present spelling. */
import type { AclAction, AclRule, AclTopic, AclWho, TextTest, TopicPart } from './acl-rule.ts'

export function formatAclRule({ permission, who, action, topics }: AclRule): string {
  const shownTopics = topics === 'all' ? 'all' : `[${topics.map(formatTopic).join(', ')}]`
  return `{${permission}, ${formatWho(who)}, ${formatAction(action)}, ${shownTopics}}.`
}

function formatWho(who: AclWho): string {
  switch (who.type) {
    case 'all':
      return 'all'
    case 'username':
    case 'clientid':
    case 'listener':
      return `{${who.type}, ${formatTest(who.is)}}`
    case 'client_attr':
      return `{client_attr, ${quoted(who.name)}, ${formatTest(who.is)}}`
    case 'ipaddr': {
      const networks = who.networks.map(({ address, prefixLength }) => quoted(`${address}/${prefixLength}`))
      return networks.length === 1 ? `{ipaddr, ${networks[0]}}` : `{ipaddrs, [${networks.join(', ')}]}`
    }
    case 'and':
    case 'or':
      return `{'${who.type}', [${who.of.map(formatWho).join(', ')}]}`
  }
}

function formatTest(is: TextTest): string {
  return is.type === 'eq' ? quoted(is.text) : `{re, ${quoted(is.pattern)}}`
}

function formatAction({ type, qos, retain }: AclAction): string {
  const options = [
    ...(qos.length === 3 ? [] : [`{qos, ${qos.length === 1 ? String(qos[0]) : `[${qos.join(', ')}]`}}`]),
    ...(retain === 'all' ? [] : [`{retain, ${retain}}`]),
  ]
  return options.length === 0 ? type : `{${type}, [${options.join(', ')}]}`
}

function formatTopic(topic: AclTopic): string {
  return topic.type === 'eq' ? `{eq, ${quoted(topic.topic)}}` : quoted(topic.parts.map(formatPart).join(''))
}

function formatPart(part: TopicPart): string {
  if (typeof part === 'string') return part.replaceAll('${', '${$}{')
  return part.placeholder === 'client_attrs' ? `\${client_attrs.${part.name}}` : `\${${part.placeholder}}`
}

/** Erlang's escapes are few: what JSON would write as `\u00e4` it takes as it is. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
