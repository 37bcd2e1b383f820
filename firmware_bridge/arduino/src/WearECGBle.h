/* The wearecg service over Bluetooth LE (PROTOCOL.md, section 1), with the BLE library of the ESP32 core. */
#ifndef WEARECG_BLE_H
#define WEARECG_BLE_H

#include <BLE2902.h>
#include <BLEDevice.h>
#include <BLEServer.h>

#include "WearECG.h"

class WearECGBle : BLEServerCallbacks, BLECharacteristicCallbacks {
public:
    /* Advertise under this name. A body that is longer than the MTU less 3 waits until the host has agreed on a
     * larger one: hosts do so when they connect. */
    wecg_link begin(const char *name)
    {
        BLEDevice::init(name);
        BLEDevice::setMTU(517);
        server_ = BLEDevice::createServer();
        server_->setCallbacks(this);
        BLEService *service = server_->createService("0eb80001-ae6a-4c9f-8f3f-6191c0ceaeea");
        control_ = service->createCharacteristic("0eb80002-ae6a-4c9f-8f3f-6191c0ceaeea",
                                                 BLECharacteristic::PROPERTY_WRITE |
                                                     BLECharacteristic::PROPERTY_NOTIFY);
        data_ = service->createCharacteristic("0eb80003-ae6a-4c9f-8f3f-6191c0ceaeea",
                                              BLECharacteristic::PROPERTY_NOTIFY);
        control_->addDescriptor(new BLE2902());
        data_->addDescriptor(new BLE2902());
        control_->setCallbacks(this);
        service->start();
        server_->getAdvertising()->addServiceUUID(service->getUUID());
        server_->getAdvertising()->start();
        wecg_link link = {send, this, true};
        return link;
    }

    /* From loop(), before ecg.poll(): the Bluetooth task only leaves here what has happened. */
    void poll(WearECG &ecg)
    {
        if (__atomic_exchange_n(&changed_, false, __ATOMIC_ACQ_REL)) {
            wecg_disconnected(&ecg.device); /* a fresh connection begins with nothing left over */
            if (!connected_)
                server_->getAdvertising()->start();
        }
        while (tail_ != __atomic_load_n(&head_, __ATOMIC_ACQUIRE)) {
            wecg_receive_packet(&ecg.device, inbox_[tail_].bytes, inbox_[tail_].n);
            __atomic_store_n(&tail_, (uint8_t)((tail_ + 1) % PLACES), __ATOMIC_RELEASE);
        }
    }

private:
    static const uint8_t PLACES = 4;
    struct Letter {
        uint8_t bytes[64];
        uint8_t n;
    };

    BLEServer *server_ = nullptr;
    BLECharacteristic *control_ = nullptr, *data_ = nullptr;
    volatile bool connected_ = false;
    bool changed_ = false;
    Letter inbox_[PLACES];
    uint8_t head_ = 0, tail_ = 0;

    /* The BLE library does not say when its queue is full: what it drops shows as lost on the link. */
    static size_t send(void *context, const uint8_t *body, size_t n)
    {
        WearECGBle *self = static_cast<WearECGBle *>(context);
        BLEServer *server = self->server_;
        if (!self->connected_ || n + 3 > server->getPeerMTU(server->getConnId()))
            return 0;
        BLECharacteristic *to = body[1] == WECG_DATA ? self->data_ : self->control_;
        to->setValue(const_cast<uint8_t *>(body), n);
        to->notify();
        return n;
    }

    void changed(bool connected)
    {
        connected_ = connected;
        __atomic_store_n(&changed_, true, __ATOMIC_RELEASE);
    }

    void onConnect(BLEServer *) override { changed(true); }

    void onDisconnect(BLEServer *) override { changed(false); }

    void onWrite(BLECharacteristic *from) override
    {
        size_t n = from->getLength();
        uint8_t next = (uint8_t)((head_ + 1) % PLACES);
        /* No room: not answered, so the host repeats it. */
        if (n > sizeof inbox_[0].bytes || next == __atomic_load_n(&tail_, __ATOMIC_ACQUIRE))
            return;
        memcpy(inbox_[head_].bytes, from->getData(), n);
        inbox_[head_].n = (uint8_t)n;
        __atomic_store_n(&head_, next, __ATOMIC_RELEASE);
    }
};

#endif
