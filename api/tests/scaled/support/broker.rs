//! Direct access to the queue, to publish arbitrary messages.

use asciify::ENGINE_VERSION;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use testkit::wait::eventually;

/// The queue of one site.
pub(crate) struct Broker {
    channel: Channel,
    queue: String,
    _connection: Connection,
}

impl Broker {
    /// `name` is the value of `QUEUE_NAME`.
    pub(crate) async fn of(url: &str, name: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let queue = format!("{name}.e{ENGINE_VERSION}");
        Broker { channel, queue, _connection: connection }
    }

    pub(crate) async fn publish(&self, body: &[u8]) {
        let queue = self.queue.as_str().into();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = self.channel.basic_publish("".into(), queue, options, body, properties).await;
        assert!(sent.unwrap().await.unwrap().is_ack());
    }

    /// Waits until the queue has this number of undelivered messages.
    pub(crate) async fn waits(&self, messages: u32) {
        eventually(&format!("{messages} messages in the queue"), async || {
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let queue = self.queue.as_str().into();
            let asked = self.channel.queue_declare(queue, options, FieldTable::default()).await;
            (asked.unwrap().message_count() == messages).then_some(())
        })
        .await;
    }
}
