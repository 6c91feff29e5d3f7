// login.mjs BROKER TOPIC binary|structured USER ID SESSION LAT LON COUNTRY: reports a login at acme.
import { CloudEvent, Kafka as Binding } from 'cloudevents'
import { Kafka, Partitioners, logLevel } from 'kafkajs'

const [broker, topic, mode, user, id, session, lat, lon, country] = process.argv.slice(2)
const event = new CloudEvent({
  id, source: '//acme/web', type: 'dev.riskd.activity.v1', datacontenttype: 'application/json', partitionkey: 'acme:' + user,
  data: {
    tenant_id: 'acme', user: { id: user }, session: { id: session }, device: { id: session }, action: 'auth.login', outcome: 'success',
    network: { geo: { lat: Number(lat), lon: Number(lon), accuracy_km: 5, country } },
  },
})
const message = Binding[mode](event)
const headers = Object.fromEntries(Object.entries(message.headers).filter(([, v]) => v !== undefined)) // KafkaJS refuses those
const producer = new Kafka({ clientId: 'web', brokers: [broker], logLevel: logLevel.NOTHING }).producer({ createPartitioner: Partitioners.DefaultPartitioner })
await producer.connect()
await producer.send({ topic, messages: [{ key: message.key, headers, value: typeof message.value === 'string' ? message.value : JSON.stringify(message.value) }] })
await producer.disconnect()
