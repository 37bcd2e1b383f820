/* The BLE classes of the ESP32 core, so that the sketches compile; there is no radio behind them. */
#ifndef BLE_DEVICE_H
#define BLE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

class BLEDescriptor {};
struct BLEUUID {};
class BLECharacteristic;
class BLEServer;

class BLECharacteristicCallbacks {
public:
    virtual ~BLECharacteristicCallbacks() {}
    virtual void onWrite(BLECharacteristic *) {}
};

class BLECharacteristic {
public:
    static const uint32_t PROPERTY_WRITE = 8, PROPERTY_NOTIFY = 16;
    void addDescriptor(BLEDescriptor *) {}
    void setCallbacks(BLECharacteristicCallbacks *) {}
    void setValue(uint8_t *, size_t) {}
    uint8_t *getData() { return nullptr; }
    size_t getLength() { return 0; }
    void notify() {}
};

class BLEService {
public:
    BLECharacteristic *createCharacteristic(const char *, uint32_t) { return &one_; }
    BLEUUID getUUID() { return BLEUUID(); }
    void start() {}

private:
    BLECharacteristic one_;
};

class BLEAdvertising {
public:
    void addServiceUUID(BLEUUID) {}
    void start() {}
};

class BLEServerCallbacks {
public:
    virtual ~BLEServerCallbacks() {}
    virtual void onConnect(BLEServer *) {}
    virtual void onDisconnect(BLEServer *) {}
};

class BLEServer {
public:
    void setCallbacks(BLEServerCallbacks *) {}
    BLEService *createService(const char *) { return &service_; }
    BLEAdvertising *getAdvertising() { return &advertising_; }
    uint16_t getConnId() { return 0; }
    uint16_t getPeerMTU(uint16_t) { return 23; }

private:
    BLEService service_;
    BLEAdvertising advertising_;
};

class BLEDevice {
public:
    static void init(const char *) {}
    static void setMTU(uint16_t) {}
    static BLEServer *createServer()
    {
        static BLEServer server;
        return &server;
    }
};

class BLE2902 : public BLEDescriptor {};

#endif
